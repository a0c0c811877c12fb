import type { Incoming } from '../transport/transport.ts';

/** The longest lease that is asked for to keep suspects apart, in ms, unless theirs is longer by itself. */
const LONGEST_MS = 15 * 60_000;

/**
 * For how long one that may end its process is leased while others are at hand, in ms. They come back well before it
 * if it does, and are handled without it; it doubles each time, for nobody knows how soon a process is there again.
 */
export function leaseApart({ deliveries }: Incoming, leaseMs: number, maxAttempts: number): number {
  return Math.max(leaseMs, Math.min(LONGEST_MS, leaseMs * 2 ** Math.max(1, deliveries - maxAttempts)));
}

/** Whether others are at hand besides those of its key: on an ordered topic they come after it whatever is done. */
export function areOthers(suspect: Incoming, all: readonly Incoming[], ordered: boolean): boolean {
  return all.some((one) => one !== suspect && !(ordered && one.key !== undefined && one.key === suspect.key));
}
