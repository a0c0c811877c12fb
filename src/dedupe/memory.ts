import type { DedupeStore } from './dedupe.ts';

/** What is known of a key. Times are on the monotonic clock. */
interface Entry {
  state: 'claimed' | 'done' | 'abandoned';
  token: number;
  leaseUntil: number;
  forgetAt: number;
}

/** After so many claims, what has expired is taken out. */
const SWEEP_EVERY = 1_000;

/**
 * Remembers within this process: for tests, and where one process does all the work.
 *
 * @param now In ms, on a clock that is never set.
 */
export function createMemoryDedupeStore(now: () => number = () => performance.now()): DedupeStore {
  const entries = new Map<string, Entry>();
  let token = 0;
  let claims = 0;

  function sweep(at: number): void {
    for (const [key, { forgetAt }] of entries) if (forgetAt <= at) entries.delete(key);
  }

  return {
    async claim(key, { ttlMs, leaseMs }) {
      const at = now();
      if (++claims % SWEEP_EVERY === 0) sweep(at);
      const entry = entries.get(key);
      if (entry !== undefined && entry.forgetAt > at) {
        if (entry.state === 'done') return 'done';
        if (entry.state === 'claimed' && entry.leaseUntil > at) {
          return { status: 'busy', forMs: Math.ceil(entry.leaseUntil - at) };
        }
      }
      token++;
      entries.set(key, {
        state: 'claimed',
        token,
        leaseUntil: at + leaseMs,
        forgetAt: at + leaseMs + ttlMs,
      });
      return { status: 'claimed', key, token, ttlMs };
    },

    async complete(claim) {
      const at = now();
      const entry = entries.get(claim.key);
      if (entry === undefined || entry.forgetAt <= at || entry.token !== claim.token) return false;
      if (entry.state === 'abandoned') return false;
      if (entry.state === 'claimed') entry.forgetAt = at + claim.ttlMs;
      entry.state = 'done';
      return true;
    },

    async abandon(claim) {
      const entry = entries.get(claim.key);
      if (entry === undefined || entry.forgetAt <= now() || entry.token !== claim.token) return false;
      if (entry.state === 'done') return false;
      entry.state = 'abandoned';
      return true;
    },
  };
}
