import { pause } from '../../../src/time/backoff.ts';
import type { Fault } from '../fault.ts';
import type { Entry } from '../ledger/entry.ts';

/** What retries are drawn from, in ms. */
const RETRY = { maxAttempts: 1_000, baseMs: 200, maxMs: 2_000 };

/** Whatever the handler needs is away for a while: every handling fails, then none does. */
export const allFail: Fault = {
  name: 'all-fail',
  leaseMs: 30_000,
  async run({ consumer, producer, ledger, nightly, fault, healed, recovered, enough }) {
    const times = nightly ? 10 : 1;
    const worker = await consumer({ workMs: 1, retry: RETRY });
    const load = await producer({ perSecond: 100 });
    await ledger.until('it flows', ({ handled }) => handled > 100);
    const before = await worker.heapBytes();
    let most = before;
    for (let round = 0; round < times; round++) {
      await fault();
      worker.tell({ do: 'fail', failing: true });
      await pause(nightly ? 20_000 : 3_000);
      most = Math.max(most, await worker.heapBytes());
      worker.tell({ do: 'fail', failing: false });
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled();
    const after = await worker.heapBytes();
    const early = begunTooEarly(await ledger.entries());
    const problems: string[] = [];
    if (early.length > 0) problems.push(`begun before its delay was over: ${early.slice(0, 5).join(', ')}`);
    if (Math.max(most, after) > 1.5 * before) {
      problems.push(
        `the heap grew from ${before} to ${most} bytes, and was ${after} afterwards: at most 1.5 ×`,
      );
    }
    const heap = [before, most, after].map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' → ');
    return { times, duplicates: 0, recoveryMs: 10_000, problems, note: `heap ${heap} MiB` };
  },
};

/** Carriers' clocks tell milliseconds: what is due within one may come up to two early. */
const ROUNDED_MS = 2;

/** Those that came again before the delay of their retry was over: the nth delay is between nth failure and next beginning. */
function begunTooEarly(entries: readonly Entry[]): string[] {
  const lives = new Map<string, { begun: number[]; failed: number[]; delays: number[] }>();
  for (const entry of entries) {
    if (entry.what !== 'begun' && entry.what !== 'failed' && entry.what !== 'settled') continue;
    const life = lives.get(entry.id) ?? { begun: [], failed: [], delays: [] };
    lives.set(entry.id, life);
    if (entry.what === 'settled') life.delays.push(entry.delayMs ?? 0);
    else life[entry.what].push(entry.at);
  }
  return [...lives]
    .filter(([, { begun, failed, delays }]) =>
      failed.some((at, n) => (begun[n + 1] ?? Number.POSITIVE_INFINITY) < at + (delays[n] ?? 0) - ROUNDED_MS),
    )
    .map(([id]) => id);
}
