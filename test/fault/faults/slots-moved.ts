import type { Fault } from '../fault.ts';
import { standbyOf } from './failover.ts';

const HELD = 60;

/** The slot of the topic is moved from one master to another, key by key, while all work on it. */
export const slotsMoved: Fault = {
  name: 'slots-moved',
  topologies: ['cluster'],
  async run({ consumer, producer, server, ledger, random, nightly, fault, healed, recovered, enough }) {
    const times = nightly ? 10 : 2;
    const standby = standbyOf(server);
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      const { handled } = ledger.tally;
      const more = random.whole(50, 200);
      await ledger.until('it flows', (tally) => tally.handled > handled + more);
      await fault();
      await standby.move?.();
      await healed();
      await recovered();
    }
    await enough(load);
    const resent = (await ledger.entries()).filter(({ what }) => what === 'resent').length;
    return { times, duplicates: resent + times * HELD, recoveryMs: 30_000 };
  },
};
