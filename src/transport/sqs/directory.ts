import { TransportError } from '../errors.ts';
import { checkNames, type QueueNames, queueNames } from '../names.ts';
import type { Address, SubscriptionTopology, Topology } from '../transport.ts';

/** A subscription and the names of its queues. */
export interface Place extends QueueNames {
  readonly subscription: SubscriptionTopology;
}

/** Which queues belong to which subscription; throws `NotFound` for what the topology does not have. */
export interface Directory {
  readonly all: readonly Place[];
  ofTopic(topic: string): readonly Place[];
  at(address: Address): Place;
}

export function createDirectory(topology: Topology): Directory {
  checkNames(topology);
  const topics = new Map(
    topology.topics.map(({ name: topic, subscriptions }) => [
      topic,
      subscriptions.map((subscription) => ({
        subscription,
        ...queueNames(topology.prefix, { topic, subscription: subscription.name }),
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
    at({ topic, subscription }) {
      const place = ofTopic(topic).find(({ subscription: { name } }) => name === subscription);
      if (place !== undefined) return place;
      throw new TransportError('NotFound', `topic ${topic} has no subscription ${subscription}`);
    },
  };
}
