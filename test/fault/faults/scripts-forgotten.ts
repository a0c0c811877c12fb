import type { Fault } from '../fault.ts';

/** Redis forgets its scripts while they are used. */
export const scriptsForgotten: Fault = {
  name: 'scripts-forgotten',
  leaseMs: 30_000,
  suits: ({ isRedis }) => isRedis,
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
    enough,
  }) {
    const times = nightly ? 100 : 5;
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      await flows(random.whole(1, 50));
      await fault();
      await server.redis?.admin.script('FLUSH');
      await healed();
      await recovered();
    }
    await enough(load);
    const problems = ledger.tally.away > 0 ? ['it was noticed, and must not be'] : [];
    return { times, duplicates: 0, recoveryMs: 2_000, problems };
  },
};
