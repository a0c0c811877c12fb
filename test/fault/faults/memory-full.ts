import type { Fault } from '../fault.ts';

/** Redis is full and refuses to evict: publishing waits, consuming goes on, and makes room. */
export const memoryFull: Fault = {
  name: 'memory-full',
  leaseMs: 30_000,
  suits: ({ isRedis }) => isRedis,
  settings: { 'maxmemory-policy': 'noeviction' },
  async run({
    consumer,
    producer,
    server,
    ledger,
    random,
    nightly,
    fault,
    flows,
    healed,
    recovered,
    empty,
    enough,
  }) {
    const times = nightly ? 50 : 2;
    await consumer({ workMs: 5 });
    const load = await producer({ perSecond: 200 });
    for (let round = 0; round < times; round++) {
      await flows(random.whole(20, 150));
      await fault();
      await server.redis?.admin.config('SET', 'maxmemory', '1kb');
      const away = ledger.tally.away;
      await ledger.until('publishing is refused', (tally) => tally.away > away || away > 0);
      await empty();
      await server.redis?.admin.config('SET', 'maxmemory', '0');
      await healed();
      await recovered();
    }
    await enough(load);
    // What is refused is not there twice; a consumer notices nothing.
    return { times, duplicates: 0, recoveryMs: 10_000 };
  },
};
