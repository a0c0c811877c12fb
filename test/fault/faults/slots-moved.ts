import { standbyOf } from '../carriers/standby.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';

/** The slot of the topic is moved from one master to another, key by key, while all work on it. */
export const slotsMoved: Fault = {
  name: 'slots-moved',
  topologies: ['cluster'],
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
    const times = nightly ? 10 : 2;
    const standby = standbyOf(server);
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      await flows(random.whole(50, 200));
      await fault();
      await standby.move?.();
      await healed();
      await recovered();
    }
    await enough(load);
    const resent = countOf(await ledger.entries(), 'resent');
    return { times, duplicates: resent + times * HELD, recoveryMs: 30_000 };
  },
};
