import { InvalidName, prefixName, subscriptionName, topicName } from '../message/names.ts';
import type { Address, Topology } from './transport.ts';

/** The names of a subscription's queue and dead-letter queue. */
export interface QueueNames {
  readonly queue: string;
  readonly deadLetterQueue: string;
}

/**
 * Derives queue names, so that nothing has to map them: `<prefix>-<topic>-<subscription>[-dlq][.fifo]`, where
 * `.fifo` is for ordered topics. Drivers and the CDK app use this same function.
 *
 * Throws {@link InvalidName}, also for one that is longer than the 80 characters of SQS; only `.fifo` can be
 * what makes it so.
 */
export function queueNames(prefix: string, address: Address, ordered: boolean | undefined): QueueNames {
  const stem = `${prefixName(prefix)}-${topicName(address.topic)}-${subscriptionName(address.subscription)}`;
  const suffix = ordered ? '.fifo' : '';
  const deadLetterQueue = `${stem}-dlq${suffix}`;
  if (deadLetterQueue.length > LONGEST_NAME) {
    throw new InvalidName(
      `${deadLetterQueue} has ${deadLetterQueue.length} characters, and SQS takes ${LONGEST_NAME}: shorten the prefix, the topic or the subscription`,
    );
  }
  return { queue: `${stem}${suffix}`, deadLetterQueue };
}

const LONGEST_NAME = 80;

/**
 * Checks all names of a topology, and that no two subscriptions derive the same queue (`a-b`/`c` and
 * `a`/`b-c` would). Throws {@link InvalidName}.
 */
export function checkNames(topology: Topology): void {
  const owners = new Map<string, string>();
  for (const { name: topic, ordered, subscriptions } of topology.topics) {
    for (const { name: subscription } of subscriptions) {
      const owner = `${topic}/${subscription}`;
      for (const queue of Object.values(queueNames(topology.prefix, { topic, subscription }, ordered))) {
        const other = owners.get(queue);
        if (other !== undefined) {
          throw new InvalidName(`${owner} and ${other} would share the queue ${queue}: rename one of them`);
        }
        owners.set(queue, owner);
      }
    }
  }
}
