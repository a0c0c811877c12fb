import type { Fault } from '../fault.ts';

const PER_SECOND = 300;

/** Consumers are told to go while they have plenty to do. */
export const consumerTerminated: Fault = {
  name: 'consumer-terminated',
  leaseMs: 30_000,
  async run({ consumer, producer, ledger, random, nightly, depth, pace, goodbye, enough }) {
    const times = nightly ? 100 : 3;
    const problems: string[] = [];
    const load = await producer({ perSecond: PER_SECOND });
    for (let round = 0; round < times; round++) {
      // They are away for longer than they are at work.
      pace(load, PER_SECOND);
      const one = await consumer({ workMs: random.whole(1, 300), deadlineMs: 5_000 });
      const begun = random.whole(5, 100);
      await ledger.until('it is at work', ({ begunBy }) => begunBy(one.name) >= begun);
      problems.push(...(await goodbye(one, 12_000)));
      const { inFlight } = await depth();
      if (inFlight > 0) problems.push(`${inFlight} messages were abandoned`);
    }
    await enough(load);
    await consumer();
    return { times, duplicates: 0, recoveryMs: 0, problems };
  },
};
