import type { Fault } from '../fault.ts';

/** A producer is killed while it publishes: what it had not been told is unknown, and nothing else. */
export const producerKilled: Fault = {
  name: 'producer-killed',
  async run({ consumer, producer, ledger, random, nightly, fault, healed, recovered, enough }) {
    const times = nightly ? 100 : 3;
    await consumer({ workMs: 0 });
    for (let round = 0; round < times; round++) {
      const victim = await producer({ lanes: 20, perSecond: 1_000 });
      const accepted = random.whole(1, 200);
      await ledger.until('it publishes', ({ acceptedBy }) => acceptedBy(victim.name) >= accepted);
      await fault();
      await victim.kill();
      await healed();
      const next = await producer({ count: 20 });
      await next.exit;
      await recovered();
    }
    await enough(await producer());
    return { times, duplicates: 0, recoveryMs: 10_000 };
  },
};
