import { TransportError } from '../errors.ts';
import { checkNames, type QueueNames, queueNames } from '../names.ts';
import { noSubscription } from '../refusals.ts';
import type { Address, SubscriptionTopology, Topology } from '../transport.ts';

/** A subscription and the names of its queues: FIFO queues where its topic is ordered. */
export interface Place extends QueueNames {
  readonly ordered: boolean;
  readonly subscription: SubscriptionTopology;
}

/** Which queues belong to which subscription; throws `NotFound` for what the topology does not have. */
export interface Directory {
  readonly all: readonly Place[];
  ofTopic(topic: string): readonly Place[];
  isOrdered(topic: string): boolean;
  at(address: Address): Place;
}

export function createDirectory(topology: Topology): Directory {
  checkNames(topology);
  const topics = new Map(
    topology.topics.map(({ name: topic, ordered = false, subscriptions }) => [
      topic,
      subscriptions.map((subscription) => ({
        subscription,
        ordered,
        ...queueNames(topology.prefix, { topic, subscription: subscription.name }, ordered),
      })),
    ]),
  );

  function ofTopic(topic: string): readonly Place[] {
    const places = topics.get(topic);
    if (places === undefined || places.length === 0) {
      throw new TransportError('NotFound', `topic ${topic} has no subscription`);
    }
    return places;
  }

  return {
    all: [...topics.values()].flat(),
    ofTopic,
    isOrdered: (topic) => topics.get(topic)?.some(({ ordered }) => ordered) ?? false,
    at({ topic, subscription }) {
      const place = ofTopic(topic).find(({ subscription: { name } }) => name === subscription);
      if (place !== undefined) return place;
      throw noSubscription(topic, subscription);
    },
  };
}
