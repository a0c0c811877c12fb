/** How often something is tried again after a fault: exponential, with full jitter. Durations in ms. */
export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The longest delay a timer takes, in ms: one more and it fires at once. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** How long to wait after the given try (1 the first): drawn from 0 to a ceiling that doubles each time. */
export function backoffDelay(backoff: Backoff, tried: number, random: () => number = Math.random): number {
  const ceiling = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(tried - 1, 52));
  return Math.round(random() * ceiling);
}

/** Resolves after `ms`, or at once when the signal fires. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, LONGEST_TIMER));
    signal?.addEventListener('abort', done, { once: true });
  });
}
