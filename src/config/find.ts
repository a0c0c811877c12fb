import { closest } from '../text/closest.ts';
import type { Config, FoundSubscription } from './define-config.ts';
import { subscriptionNamed } from './named.ts';

/**
 * Finds a subscription by `topic/subscription`, or by its topic alone where that has only one.
 *
 * @throws InvalidConfig naming the nearest subscription there is.
 */
export function findSubscription(config: Config, name: string): FoundSubscription {
  return subscriptionNamed(config, name, closest);
}
