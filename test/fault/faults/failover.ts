import { pause } from '../../../src/time/backoff.ts';
import type { Standby } from '../carriers/standby.ts';
import { LOAD } from '../children/load.ts';
import type { Fault } from '../fault.ts';
import type { Entry } from '../ledger/entry.ts';

/** At work, fetched ahead, and not settled yet. */
const HELD = 60;
/** More than all buffers between two servers hold: what is written after it stays with the master. */
const FILLER = 'x'.repeat(32 * 1024 * 1024);
/** In ms. How late a replica may be that is well, and how late somebody may say what he was answered before. */
const LATE = 1_000;

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
      healed,
      recovered,
      enough,
      empty,
    }) {
      const times = nightly ? 10 : 1;
      const standby = standbyOf(server);
      const url = `${server.url()}&waitReplicas=${waitReplicas}`;
      // Slower than what is published, so that there is something to lose.
      await consumer({ url, workMs: 120 });
      const load = await producer({ url, perSecond: 250 });
      for (let round = 0; round < times; round++) {
        if (round > 0) await standby.complete();
        const { handled } = ledger.tally;
        const more = random.whole(50, 200);
        await ledger.until('it flows', (tally) => tally.handled > handled + more);
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
      const resent = entries.filter(({ what }) => what === 'resent').length;
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

export function standbyOf({ standby }: { readonly standby?: Standby }): Standby {
  if (standby === undefined) throw new Error('this needs servers that take over');
  return standby;
}

/** Of which this was said during a fault, or about then. */
export function during(entries: readonly Entry[], what: 'accepted' | 'handled'): Set<string> {
  const found = new Set<string>();
  let from = Number.POSITIVE_INFINITY;
  const spans = entries.flatMap((entry) => {
    if (entry.what === 'fault') from = entry.at;
    return entry.what === 'healed' ? [[from - LATE, entry.at + LATE] as const] : [];
  });
  for (const entry of entries) {
    if (entry.what !== what) continue;
    if (spans.some(([begin, end]) => begin <= entry.at && entry.at <= end)) found.add(entry.id);
  }
  return found;
}

/** Replication does not wait: what the replica did not have yet is lost. */
export const failover = failing(0);
/** What is accepted is what the only one has that can take over. */
export const failoverConfirmed = failing(1);
