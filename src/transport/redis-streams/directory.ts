import { TransportError } from '../errors.ts';
import { checkNames } from '../names.ts';
import { noSubscription } from '../refusals.ts';
import type { Address, Topology } from '../transport.ts';
import { lotsKey, type SubscriptionKeys, streamKey, subscriptionKeys } from './keys.ts';

/** A topic, as the server knows it. */
export interface TopicPlace {
  readonly name: string;
  readonly stream: string;
  /** Hash: what groups have read together. Undefined where they do not. */
  readonly lots?: string;
  readonly subscriptions: readonly SubscriptionPlace[];
  /** Whether its groups have been seen: when they are missing later, somebody removed them. */
  seen: boolean;
  /** Entries in the stream when it was last looked at. */
  length: number;
}

export interface SubscriptionPlace {
  readonly name: string;
  readonly keys: SubscriptionKeys;
  /** The lease of consumers whose name says none: other programs. In ms. */
  readonly leaseMs: number;
  /** After so many deliveries one that ends without an answer is the last. */
  readonly maxDeliveries: number;
}

export interface Directory {
  readonly topics: readonly TopicPlace[];
  ofTopic(topic: string): TopicPlace;
  at(address: Address): { readonly topic: TopicPlace; readonly subscription: SubscriptionPlace };
}

/** Throws InvalidName for a topology whose names do not fit. */
export function createDirectory(topology: Topology): Directory {
  checkNames(topology);
  const topics = new Map<string, TopicPlace>(
    topology.topics.map(({ name, subscriptions }) => [
      name,
      {
        name,
        stream: streamKey(topology.prefix, name),
        lots: lotsKey(topology.prefix, name),
        subscriptions: subscriptions.map((subscription) => ({
          name: subscription.name,
          keys: subscriptionKeys(topology.prefix, { topic: name, subscription: subscription.name }),
          leaseMs: subscription.leaseMs,
          maxDeliveries: subscription.maxDeliveries,
        })),
        seen: false,
        length: 0,
      },
    ]),
  );

  function ofTopic(name: string): TopicPlace {
    const topic = topics.get(name);
    if (topic === undefined || topic.subscriptions.length === 0) {
      throw new TransportError('NotFound', `topic ${name} has no subscription`);
    }
    return topic;
  }

  return {
    topics: [...topics.values()],
    ofTopic,
    at(address) {
      const topic = ofTopic(address.topic);
      const subscription = topic.subscriptions.find(({ name }) => name === address.subscription);
      if (subscription === undefined) {
        throw noSubscription(address.topic, address.subscription);
      }
      return { topic, subscription };
    },
  };
}
