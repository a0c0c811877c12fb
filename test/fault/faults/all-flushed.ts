import type { Fault } from '../fault.ts';
import type { Entry } from '../ledger/entry.ts';

/** FLUSHALL: what stood in Redis is gone, and nothing else; all goes on by itself, and says so. */
export const allFlushed: Fault = {
  name: 'all-flushed',
  suits: ({ isRedis }) => isRedis,
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
    const times = nightly ? 20 : 2;
    // Slower than what is published, so that there is something to destroy.
    await consumer({ workMs: 100 });
    const load = await producer({ perSecond: 300 });
    for (let round = 0; round < times; round++) {
      await flows(random.whole(50, 300));
      await fault();
      await server.redis?.admin.flushall();
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled(5_000).catch(() => undefined);
    const entries = await ledger.entries();
    const mayLose = underWay(entries);
    const lost = ledger.tally.open;
    const said = entries.flatMap((entry) => (entry.what === 'away' ? [entry.said] : []));
    const problems = said.some((text) => text.includes('had lost')) ? [] : ['nobody said what was lost'];
    return {
      times,
      duplicates: times * 60,
      recoveryMs: 10_000,
      mayLose,
      forgets: true,
      problems,
      note: `FLUSHALL destroyed ${lost} messages that had been accepted; it was said ${said.length} times, as: ${said[0]}`,
    };
  },
};

/** What was published and not handled when it was flushed. */
function underWay(entries: readonly Entry[]): Set<string> {
  const open = new Set<string>();
  const found = new Set<string>();
  for (const entry of entries) {
    if (entry.what === 'publishing') open.add(entry.id);
    else if (entry.what === 'handled') open.delete(entry.id);
    // Between its beginning and its end: what was accepted meanwhile may have been before or after it.
    else if (entry.what === 'fault' || entry.what === 'healed') for (const id of open) found.add(id);
  }
  return found;
}
