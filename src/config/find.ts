import { closest } from '../text/closest.ts';
import { type Config, type FoundSubscription, InvalidConfig, subscriptionsOf } from './define-config.ts';

/**
 * Finds a subscription by `topic/subscription`, or by its topic alone where that has only one.
 *
 * @throws InvalidConfig naming the nearest subscription there is.
 */
export function findSubscription(config: Config, name: string): FoundSubscription {
  const all = subscriptionsOf(config);
  const full = ({ address }: FoundSubscription): string => `${address.topic}/${address.subscription}`;
  const found = all.filter((one) => full(one) === name || one.address.topic === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = all.map(full);
  throw new InvalidConfig(
    found.length > 1
      ? `${name} has several subscriptions: name one of ${found.map(full).join(', ')}`
      : `${name} is not a subscription${closest(name, [...names, ...config.topics.map((topic) => topic.name)])}; there are ${names.join(', ') || 'none'}`,
  );
}
