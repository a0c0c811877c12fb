import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelay, pause } from './backoff.ts';

describe('backoff', () => {
  it('draws from 0 to a ceiling that doubles, and never passes its maximum', () => {
    const backoff = { baseMs: 100, maxMs: 1_000 };
    expect([1, 2, 3, 4, 5, 99].map((tried) => backoffDelay(backoff, tried, () => 1))).toEqual([
      100, 200, 400, 800, 1_000, 1_000,
    ]);
    expect(backoffDelay(backoff, 3, () => 0)).toBe(0);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (tried, drawn) => {
          const delay = backoffDelay({ baseMs: 7, maxMs: 12 * 3_600_000 }, tried, () => drawn);
          expect(delay).toBeGreaterThanOrEqual(0);
          expect(delay).toBeLessThanOrEqual(12 * 3_600_000);
        },
      ),
    );
  });
});

describe('a pause', () => {
  it('ends at once when the signal fires, before or while', async () => {
    await pause(1e9, AbortSignal.abort());
    const stop = new AbortController();
    const paused = pause(1e9, stop.signal);
    stop.abort();
    await paused;
  });

  it('longer than a timer can be does not end at once', async () => {
    const stop = new AbortController();
    let ended = false;
    const paused = pause(2 ** 31 + 5, stop.signal).then(() => {
      ended = true;
    });
    await pause(20);
    expect(ended).toBe(false);
    stop.abort();
    await paused;
  });
});
