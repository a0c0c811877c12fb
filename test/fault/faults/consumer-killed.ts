import type { Fault } from '../fault.ts';

/** A consumer is killed in the middle of its work, and another takes over. */
export const consumerKilled: Fault = {
  name: 'consumer-killed',
  async run({ consumer, producer, ledger, random, nightly, depth, fault, healed, recovered, enough }) {
    const times = nightly ? 200 : 3;
    // At most what it had been handed can be handled twice: by the carrier's own count.
    let inFlight = 0;
    const load = await producer();
    let victim = await consumer({ workMs: random.whole(1, 60) });
    for (let round = 0; round < times; round++) {
      const { name } = victim;
      const begun = random.whole(10, 150);
      await ledger.until(`${name} is at work`, ({ begunBy }) => begunBy(name) >= begun);
      await fault();
      await victim.kill();
      inFlight += (await depth()).inFlight;
      victim = await consumer({ workMs: random.whole(1, 60) });
      await healed();
      await recovered();
    }
    await enough(load);
    return { times, duplicates: inFlight, recoveryMs: 10_000 };
  },
};
