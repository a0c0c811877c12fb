import { standbyOf } from '../carriers/standby.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import { during } from '../ledger/during.ts';

const PER_SECOND = 250;

/** The master becomes a replica while all are connected to it, and write. */
function handing(waitReplicas: 0 | 1): Fault {
  return {
    name: waitReplicas === 0 ? 'handed-over' : 'handed-over-confirmed',
    topologies: ['sentinel', 'cluster'],
    async run({
      carrier: { topology },
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
      pace,
      enough,
      empty,
    }) {
      const times = nightly ? 10 : 1;
      const standby = standbyOf(server);
      const url = `${server.url()}&waitReplicas=${waitReplicas}`;
      // Slower than what is published, so that there is something to lose.
      await consumer({ url, workMs: 120 });
      const load = await producer({ url, perSecond: PER_SECOND });
      for (let round = 0; round < times; round++) {
        pace(load, PER_SECOND);
        await flows(random.whole(50, 200));
        await fault();
        await standby.handOver();
        await standby.complete();
        await healed();
        await recovered();
      }
      await enough(load);
      await empty();
      const entries = await ledger.entries();
      const resent = countOf(entries, 'resent');
      const allowance = { times, duplicates: resent + times * HELD, recoveryMs: 30_000 };
      // In a cluster the master waits for the one that takes over. Sentinels tell it seconds afterwards.
      if (topology === 'cluster') return allowance;
      return {
        ...allowance,
        duplicates: allowance.duplicates + during(entries, 'handled').size,
        forgets: true,
        ...(waitReplicas === 0 && { mayLose: during(entries, 'accepted') }),
        note: `of ${ledger.tally.accepted} accepted messages ${ledger.tally.open} were lost`,
      };
    },
  };
}

export const handedOver = handing(0);
/** What the old master takes meanwhile, its replica does not confirm: it follows nobody any more. */
export const handedOverConfirmed = handing(1);
