import type { Backoff } from '../time/backoff.ts';

/** When a failed message is tried again: exponential backoff with full jitter. Durations in ms. */
export interface RetryPolicy extends Backoff {
  /** After this many failed attempts the message goes to the dead-letter queue. */
  readonly maxAttempts: number;
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 5, baseMs: 1_000, maxMs: 15 * 60_000 };
