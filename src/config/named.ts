import { type Config, type FoundSubscription, InvalidConfig, subscriptionsOf } from './define-config.ts';

/**
 * The subscription of this name: `topic/subscription`, or its topic alone where that has only one. For functions, which
 * name it in their source; who is given a name by somebody asks `findSubscription`, which knows the nearest.
 *
 * @param hint What to say of a name that there is not, given those there are.
 * @throws InvalidConfig
 */
export function subscriptionNamed(
  config: Config,
  name: string,
  hint: (name: string, names: readonly string[]) => string = () => '',
): FoundSubscription {
  const all = subscriptionsOf(config);
  const full = ({ address }: FoundSubscription): string => `${address.topic}/${address.subscription}`;
  const found = all.filter((one) => full(one) === name || one.address.topic === name);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const names = all.map(full);
  throw new InvalidConfig(
    found.length > 1
      ? `${name} has several subscriptions: name one of ${found.map(full).join(', ')}`
      : `${name} is not a subscription${hint(name, [...names, ...config.topics.map((topic) => topic.name)])}; there are ${names.join(', ') || 'none'}`,
  );
}
