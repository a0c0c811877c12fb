import { closest } from '../text/closest.ts';
import { type Config, type FoundSubscription, InvalidConfig, type Topic } from './define-config.ts';
import { subscriptionNamed } from './named.ts';

/**
 * Finds a subscription by `topic/subscription`, or by its topic alone where that has only one.
 *
 * @throws InvalidConfig naming the nearest subscription there is.
 */
export function findSubscription(config: Config, name: string): FoundSubscription {
  return subscriptionNamed(config, name, closest);
}

/**
 * Finds a topic by its name.
 *
 * @throws InvalidConfig naming the nearest topic there is.
 */
export function findTopic({ topics }: Config, name: string): Topic {
  const found = topics.find((topic) => topic.name === name);
  if (found !== undefined) return found;
  const names = topics.map((topic) => topic.name);
  throw new InvalidConfig(
    `${name} is not a topic${closest(name, names)}; there are ${names.join(', ') || 'none'}`,
  );
}
