/** When a failed message is tried again: exponential backoff with full jitter. Durations in ms. */
export interface RetryPolicy {
  /** After this many failed attempts the message goes to the dead-letter queue. 1 to 100 in a config, 76 on an ordered topic. Default 5. */
  readonly maxAttempts: number;
  /** What the first delay is drawn up to; it doubles with each attempt. Default 1,000. */
  readonly baseMs: number;
  /** What no delay is longer than. Default 900,000: 15 minutes. */
  readonly maxMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 5, baseMs: 1_000, maxMs: 15 * 60_000 };
