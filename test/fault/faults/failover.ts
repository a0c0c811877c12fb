import { pause } from '../../../src/time/backoff.ts';
import { standbyOf } from '../carriers/standby.ts';
import { LOAD } from '../children/load.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import { during } from '../ledger/during.ts';

const PER_SECOND = 250;
/** More than all buffers between two servers hold: what is written after it stays with the master. */
const FILLER = 'x'.repeat(32 * 1024 * 1024);

/** The master is killed while its replica is behind, and that one takes over. */
function failing(waitReplicas: 0 | 1): Fault {
  return {
    name: waitReplicas === 0 ? 'failover' : 'failover-confirmed',
    topologies: ['sentinel', 'cluster'],
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
        if (round > 0) await standby.complete();
        pace(load, PER_SECOND);
        await flows(random.whole(50, 200));
        const master = await standby.master();
        const replica = await standby.replica();
        replica.pause();
        await fault();
        await master.admin.set(`{${LOAD.topic}}:filler`, FILLER);
        await pause(random.whole(100, 600));
        await master.kill();
        replica.resume();
        // From here on all has to go on by itself; but who waits for a replica needs one.
        if (waitReplicas === 0) await healed();
        await standby.replaced(master);
        await master.start();
        if (waitReplicas > 0) await healed();
        await recovered();
      }
      await enough(load);
      await empty();
      const entries = await ledger.entries();
      const resent = countOf(entries, 'resent');
      const accepted = during(entries, 'accepted');
      return {
        times,
        // What was settled there is not.
        duplicates: resent + times * HELD + during(entries, 'handled').size,
        recoveryMs: 30_000,
        forgets: true,
        ...(waitReplicas === 0 && { mayLose: accepted }),
        note: `${accepted.size} were accepted while the replica was behind, and of all ${ledger.tally.open} were lost`,
      };
    },
  };
}

/** Replication does not wait: what the replica did not have yet is lost. */
export const failover = failing(0);
/** What is accepted is what the only one has that can take over. */
export const failoverConfirmed = failing(1);
