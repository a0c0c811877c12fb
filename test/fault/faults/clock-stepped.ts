import type { Fault } from '../fault.ts';

const HOUR = 3_600_000;

/** The wall clocks of consumer and producer are set an hour ahead, and back. */
export const clockStepped: Fault = {
  name: 'clock-stepped',
  async run({ consumer, producer, nightly, fault, flows, healed, recovered, enough }) {
    const times = nightly ? 20 : 2;
    // Longer at work than half a lease: it is extended meanwhile.
    const worker = await consumer({ workMs: 1_500, concurrency: 100 });
    const load = await producer({ perSecond: 50 });
    for (let round = 0; round < times; round++) {
      await flows(50);
      await fault();
      const ms = round % 2 === 0 ? HOUR : -HOUR;
      for (const one of [worker, load]) one.tell({ do: 'shiftClock', ms });
      await healed();
      await recovered();
    }
    await fault();
    for (const one of [worker, load]) one.tell({ do: 'shiftClock', ms: 0 });
    await healed();
    await recovered();
    await enough(load);
    return { times, duplicates: 0, recoveryMs: 10_000 };
  },
};
