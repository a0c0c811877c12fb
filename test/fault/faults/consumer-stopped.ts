import { pause } from '../../../src/time/backoff.ts';
import type { Fault } from '../fault.ts';
import type { Entry } from '../ledger/entry.ts';

/** A consumer is suspended for longer than its lease, another takes over, and it wakes up and goes on. */
export const consumerStopped: Fault = {
  name: 'consumer-stopped',
  async run({
    consumer,
    producer,
    ledger,
    random,
    nightly,
    topology,
    depth,
    fault,
    healed,
    recovered,
    enough,
  }) {
    const times = nightly ? 50 : 2;
    let inFlight = 0;
    const sleeper = await consumer({ workMs: 200 });
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      const begun = ledger.tally.begunBy(sleeper.name) + random.whole(10, 60);
      await ledger.until('it is at work', ({ begunBy }) => begunBy(sleeper.name) >= begun);
      await fault();
      sleeper.signal('SIGSTOP');
      inFlight += (await depth()).inFlight;
      // Not for luck: this is how long it sleeps.
      await pause(topology.leaseMs + random.whole(700, 3_000));
      sleeper.signal('SIGCONT');
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled();
    return {
      times,
      duplicates: inFlight,
      begunAfterwards: times,
      recoveryMs: 10_000,
      problems: certainAfterTakeover(await ledger.entries(), sleeper.name),
    };
  },
};

/** What the sleeper was told is settled although another had begun on it before. */
function certainAfterTakeover(entries: readonly Entry[], sleeper: string): string[] {
  const owners = new Map<string, string>();
  const problems: string[] = [];
  for (const entry of entries) {
    if (entry.what === 'begun') owners.set(entry.id, entry.by);
    if (entry.what !== 'settled' || entry.by !== sleeper || entry.outcome !== 'settled') continue;
    const owner = owners.get(entry.id);
    if (owner !== undefined && owner !== sleeper) {
      problems.push(`${entry.id}: ${owner} had it, and ${sleeper} settled it for certain`);
    }
  }
  return problems;
}
