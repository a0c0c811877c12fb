import type { Fault } from '../fault.ts';
import type { Entry } from '../ledger/entry.ts';

const ATTEMPTS = 3;
/** On a machine that is busy nobody is quicker than this, in ms. */
const SLOW = 500;

/** One message in a hundred can never be handled. */
export const poison: Fault = {
  name: 'poison',
  leaseMs: 30_000,
  async run({ carrier, consumer, producer, ledger, nightly, empty }) {
    const count = nightly ? 20_000 : 500;
    await consumer({ workMs: 5, retry: { maxAttempts: ATTEMPTS, baseMs: 100, maxMs: 1_000 } });
    const clean = await producer({ count });
    await clean.exit;
    await ledger.allHandled();
    const bad = await producer({ count, poison: { every: 100, kind: 'throws' } });
    await bad.exit;
    await ledger.allHandled();
    await empty(count / 100);
    const entries = await ledger.entries();
    const [before, after] = [p99(entries, clean.name), p99(entries, bad.name)];
    const most = 2 * Math.max(before, SLOW);
    // What waits behind poison of its key waits for its retries, as it should.
    const slow = !carrier.ordered && after > most;
    return {
      times: count / 100,
      duplicates: 0,
      recoveryMs: 0,
      attempts: ATTEMPTS,
      problems: slow ? [`the good took ${after} ms (p99) beside poison, and ${before} without`] : [],
      note: `p99 of the good ${Math.round(after)} ms, ${Math.round(before)} without poison`,
    };
  },
};

/** From accepted to handled, in ms. */
function p99(entries: readonly Entry[], producer: string): number {
  const publishedAt = new Map<string, number>();
  const took: number[] = [];
  for (const entry of entries) {
    if (entry.what === 'publishing' && entry.by === producer) publishedAt.set(entry.id, entry.at);
    if (entry.what !== 'handled') continue;
    const at = publishedAt.get(entry.id);
    if (at !== undefined) took.push(entry.at - at);
  }
  return took.toSorted((a, b) => a - b)[Math.floor(took.length * 0.99)] ?? 0;
}
