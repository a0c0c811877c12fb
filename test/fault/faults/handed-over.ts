import type { Fault } from '../fault.ts';
import { during, standbyOf } from './failover.ts';

const HELD = 60;

/** The master becomes a replica while all are connected to it, and write. */
export const handedOver: Fault = {
  name: 'handed-over',
  topologies: ['sentinel', 'cluster'],
  async run({ carrier, consumer, producer, server, ledger, random, nightly, fault, healed, recovered }) {
    const times = nightly ? 10 : 1;
    const standby = standbyOf(server);
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      const { handled } = ledger.tally;
      const more = random.whole(50, 200);
      await ledger.until('it flows', (tally) => tally.handled > handled + more);
      await fault();
      await standby.handOver();
      await standby.complete();
      await healed();
      await recovered();
    }
    load.tell({ do: 'stop' });
    await load.exit;
    const entries = await ledger.entries();
    const resent = entries.filter(({ what }) => what === 'resent').length;
    const allowance = { times, duplicates: resent + times * HELD, recoveryMs: 30_000 };
    // In a cluster the master waits for the one that takes over. Sentinels tell it seconds afterwards.
    if (carrier.topology === 'cluster') return allowance;
    return {
      ...allowance,
      duplicates: allowance.duplicates + during(entries, 'handled').size,
      mayLose: during(entries, 'accepted'),
      forgets: true,
    };
  },
};
