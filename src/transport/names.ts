import { InvalidName, prefixName, subscriptionName, topicName } from '../message/names.ts';
import type { Address, Topology } from './transport.ts';

/** The names of a subscription's queue and dead-letter queue. */
export interface QueueNames {
  readonly queue: string;
  readonly deadLetterQueue: string;
}

/**
 * Derives queue names, so that nothing has to map them: `<prefix>-<topic>-<subscription>[-dlq]`, 78 characters at
 * most, where SQS takes 80.
 * Drivers and the CDK app use this same function. Throws {@link InvalidName}.
 */
export function queueNames(prefix: string, address: Address): QueueNames {
  const queue = `${prefixName(prefix)}-${topicName(address.topic)}-${subscriptionName(address.subscription)}`;
  return { queue, deadLetterQueue: `${queue}-dlq` };
}

/**
 * Checks all names of a topology, and that no two subscriptions derive the same queue (`a-b`/`c` and
 * `a`/`b-c` would). Throws {@link InvalidName}.
 */
export function checkNames(topology: Topology): void {
  const owners = new Map<string, string>();
  for (const { name: topic, subscriptions } of topology.topics) {
    for (const { name: subscription } of subscriptions) {
      const owner = `${topic}/${subscription}`;
      for (const queue of Object.values(queueNames(topology.prefix, { topic, subscription }))) {
        const other = owners.get(queue);
        if (other !== undefined) {
          throw new InvalidName(`${owner} and ${other} would share the queue ${queue}: rename one of them`);
        }
        owners.set(queue, owner);
      }
    }
  }
}
