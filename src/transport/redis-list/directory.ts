import { TransportError } from '../errors.ts';
import { checkNames } from '../names.ts';
import { noSubscription } from '../refusals.ts';
import type { Address, Topology } from '../transport.ts';
import { namedKeys, type QueueKeys, type QueueNames, queueKeys } from './keys.ts';

/** A subscription, as the server knows it. */
export interface Queue {
  readonly topic: string;
  readonly subscription: string;
  readonly keys: QueueKeys;
  /** The lease of what another program has taken. In ms. */
  readonly leaseMs: number;
  /** After so many deliveries one that ends without an answer is the last. */
  readonly maxDeliveries: number;
  /** Whether it has been seen: when it is missing later, somebody removed it. */
  seen: boolean;
  /** Entries in the queue when it was last looked at. */
  length: number;
}

export interface Directory {
  /** All queues, topic by topic. */
  readonly topics: readonly (readonly Queue[])[];
  /** One at least. */
  ofTopic(topic: string): readonly Queue[];
  at(address: Address): Queue;
}

/**
 * Throws InvalidName for a topology whose names do not fit, and InvalidTransportUrl where the lists' own names are not
 * for it.
 */
export function createDirectory(
  topology: Topology,
  names: QueueNames | undefined,
  keysOf = (address: Address): QueueKeys => queueKeys(topology.prefix, address),
): Directory {
  checkNames(topology);
  const named = names && namedKeys(names, topology);
  const topics = new Map(
    topology.topics.map(({ name: topic, subscriptions }) => [
      topic,
      subscriptions.map(
        ({ name: subscription, leaseMs, maxDeliveries }): Queue => ({
          topic,
          subscription,
          keys: named ?? keysOf({ topic, subscription }),
          leaseMs,
          maxDeliveries,
          seen: false,
          length: 0,
        }),
      ),
    ]),
  );

  function ofTopic(name: string): readonly Queue[] {
    const queues = topics.get(name);
    if (queues === undefined || queues.length === 0) {
      throw new TransportError('NotFound', `topic ${name} has no subscription`);
    }
    return queues;
  }

  return {
    topics: [...topics.values()],
    ofTopic,
    at({ topic, subscription }) {
      const queue = ofTopic(topic).find((one) => one.subscription === subscription);
      if (queue === undefined) {
        throw noSubscription(topic, subscription);
      }
      return queue;
    },
  };
}
