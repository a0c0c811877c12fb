import type { StreamSystem } from '../../dialects/systems.ts';
import type { Topology } from '../../transport.ts';
import { createDirectory, type Directory, type SubscriptionPlace, type TopicPlace } from '../directory.ts';

/**
 * Our names where we keep something for ourselves, theirs for streams, groups and dead letters. The first subscription of
 * a topic shares their group and their dead letters; those of the others are ours.
 *
 * Throws InvalidName for a topology whose names do not fit.
 */
export function dialectDirectory(topology: Topology, system: StreamSystem): Directory {
  const own = createDirectory(topology);
  const topics = new Map(own.topics.map((topic) => [topic, topicOf(topic)]));

  function topicOf({ lots: _, ...topic }: TopicPlace): TopicPlace {
    const stream = system.stream(topic.name);
    const subscriptions = topic.subscriptions.map(
      ({ name, keys, ...kept }, index): SubscriptionPlace => ({
        name: system.group(topic.name, name, index === 0),
        keys: { ...keys, stream, dead: (index === 0 ? system.dead(topic.name) : undefined) ?? keys.dead },
        ...kept,
      }),
    );
    return { ...topic, stream, subscriptions };
  }

  function theirs(topic: TopicPlace): TopicPlace {
    return topics.get(topic) ?? topic;
  }

  return {
    topics: [...topics.values()],
    ofTopic: (name) => theirs(own.ofTopic(name)),
    at(address) {
      const { topic, subscription } = own.at(address);
      const place = theirs(topic);
      const index = topic.subscriptions.indexOf(subscription);
      return { topic: place, subscription: place.subscriptions[index] ?? subscription };
    },
  };
}
