import { type Config, InvalidConfig, subscriptionsOf } from '../src/config/define-config.ts';
import { whole } from './whole.ts';

/** SQS hands over ten messages at once; for more an event source has to gather, for five minutes at most. */
const ONE_RECEIVE = 10;
const LONGEST_WINDOW = 300_000;
/** An event source takes no more patterns. */
const MOST_FILTERS = 5;

/**
 * Checks what event sources of SQS ask of a config, and no other host does.
 *
 * @throws InvalidConfig naming the path to the field.
 */
export function checkEventSources(config: Config): void {
  for (const { topic, address, subscription } of subscriptionsOf(config)) {
    const path = `topics.${address.topic}.subscriptions.${address.subscription}.lambda`;
    const { windowMs, batchSize, maxConcurrency, filters } = subscription.lambda;
    whole(`${path}.maxConcurrency`, maxConcurrency, 2, 1_000);
    const [least, most] = windowsOf(topic.ordered, batchSize);
    if (!(windowMs >= least && windowMs <= most && windowMs % 1_000 === 0)) {
      const expected =
        most === 0
          ? '0, for the event source of a FIFO queue takes no window to gather more'
          : `whole seconds from ${least} to ${most}${least > 0 ? `, for a batch of more than ${ONE_RECEIVE}` : ''}`;
      throw new InvalidConfig(`${path}.windowMs is ${windowMs}: expected ${expected}`);
    }
    if (filters.length > MOST_FILTERS) {
      throw new InvalidConfig(`${path}.filters are ${filters.length}: expected ${MOST_FILTERS} at most`);
    }
  }
}

/** Rules that invoke the drains of one subscription at once. */
const MOST_PARTITIONS = 100;

/**
 * Checks what drains on a schedule ask of a config.
 *
 * @throws InvalidConfig naming the path to the field.
 */
export function checkDrains(config: Config): void {
  for (const { topic, address, subscription } of subscriptionsOf(config)) {
    if (topic.ordered) {
      throw new InvalidConfig(
        `topics.${topic.name}.ordered is true: Redis keeps no order; use -c transport=sqs, or take "ordered" off the topic`,
      );
    }
    const path = `topics.${address.topic}.subscriptions.${address.subscription}.lambda`;
    whole(`${path}.partitions`, subscription.lambda.partitions, 1, MOST_PARTITIONS);
  }
}

function windowsOf(ordered: boolean, batchSize: number): readonly [number, number] {
  if (ordered) return [0, 0];
  return [batchSize > ONE_RECEIVE ? 1_000 : 0, LONGEST_WINDOW];
}
