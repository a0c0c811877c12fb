import { type Handler, type HandlerContext, Postpone } from '../consume/handler.ts';
import type { Envelope } from '../message/envelope.ts';
import type { DedupeStore } from './dedupe.ts';

/**
 * How old a message may get by waiting for the claims of others, in ms. Not without end: one that ends each process that
 * begins on it comes here every second time, and its deliveries are counted anew.
 */
const WAIT_UNTIL_MS = 24 * 3_600_000;

/** Durations in ms. */
export interface DeduplicatedOptions<Data> {
  /** Whose effect it is: subscriptions of one topic get the same ids, and each has an effect of its own. */
  readonly scope: string;
  /** What makes two messages the same. Default: their id. */
  readonly key?: (message: Envelope<Data>) => string;
  /** How long an effect is remembered: within this window it does not happen again. Default 24 h. */
  readonly ttlMs?: number;
  /**
   * How long the others wait for a handler that never answers. Longer than a handler may take, or two are at
   * work at once. Default 60 s.
   */
  readonly leaseMs?: number;
}

export interface DeduplicatedContext extends HandlerContext {
  /** Rises with each claim on the same message: a place that keeps the highest can refuse what comes late. */
  readonly fencingToken: number;
}

interface Method<Data> {
  handle(message: Envelope<Data>, context: DeduplicatedContext): Promise<void> | void;
}

/**
 * Wraps a handler so that its effect happens once within the window, as far as the store remembers. A message
 * that is done is acknowledged without calling the handler; one that another consumer is at is postponed until
 * that claim is over, which does not count as a failure. See `docs/explanation/delivery.md` for where an effect
 * can still happen twice.
 *
 * @example
 * export default deduplicated(charge, createRedisDedupeStore(new Redis()), { scope: 'order_placed/charge' });
 */
export function deduplicated<Data>(
  handler: Method<Data>['handle'],
  store: DedupeStore,
  options: DeduplicatedOptions<Data>,
): Handler<Data> {
  const { scope, key = ({ id }) => id, ttlMs = 24 * 3_600_000, leaseMs = 60_000 } = options;
  return async (message, context) => {
    const claim = await store.claim(`${scope}:${key(message)}`, { ttlMs, leaseMs });
    if (claim === 'done') return;
    if (claim.status === 'busy') {
      throw new Postpone(claim.forMs, 'another consumer is at this message', { maxAgeMs: WAIT_UNTIL_MS });
    }
    try {
      await handler(message, {
        attempt: context.attempt,
        get signal() {
          return context.signal;
        },
        extendLease: (ms) => context.extendLease(ms),
        fencingToken: claim.token,
      });
    } catch (error) {
      // A store that is away keeps the claim until its lease ends.
      await store.abandon(claim).catch(() => undefined);
      throw error;
    }
    // Taken over meanwhile: the effect is there all the same, and the other may have it again.
    await store.complete(claim);
  };
}
