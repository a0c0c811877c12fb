import type { Fault } from '../fault.ts';

/** The carrier fails in part, answers late, twice, in another order or not at all, and forgets what it has been told. */
export const hostileCarrier: Fault = {
  name: 'hostile-carrier',
  hostile: true,
  async run({ consumer, producer, ledger, nightly, empty }) {
    const count = nightly ? 100_000 : 5_000;
    const retry = { maxAttempts: 5, baseMs: 100, maxMs: 1_000 };
    await Promise.all([consumer({ retry }), consumer({ retry })]);
    const load = await producer({ count, perSecond: 500, poison: { every: 100, kind: 'throws' } });
    await load.exit;
    await ledger.allHandled();
    await empty(count / 100);
    // At least once, and it makes the most of it.
    return { times: count, duplicates: Number.POSITIVE_INFINITY, recoveryMs: 0, forgets: true };
  },
};
