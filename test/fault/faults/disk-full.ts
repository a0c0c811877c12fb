import { pause } from '../../../src/time/backoff.ts';
import type { Fullness } from '../carriers/machine.ts';
import type { Fault } from '../fault.ts';
import { countOf, poisonIn } from '../ledger/counts.ts';

/** Publishes under way at once: one that is stored and could not be made to last is not accepted, and comes twice. */
const LANES = 8;

/** The disk that files are on is full for a while: publishing waits, consuming goes on as far as that needs no room. */
export const diskFull: Fault = {
  name: 'disk-full',
  suits: ({ name }) => name === 'file',
  meddles: true,
  async run({
    consumer,
    producer,
    machine,
    ledger,
    random,
    nightly,
    fault,
    flows,
    healed,
    recovered,
    empty,
    enough,
  }) {
    const times = nightly ? 60 : 3;
    await consumer({ workMs: 5 });
    const load = await producer({ lanes: LANES, poison: { every: 40, kind: 'throws' } });
    const kinds: readonly Omit<Fullness, 'room'>[] = [{}, { noSyncs: true }, { noNames: true }];
    for (let round = 0; round < times; round++) {
      await flows(random.whole(50, 200));
      const kind = kinds[round % kinds.length] ?? {};
      const away = ledger.tally.awayBy(load.name);
      await fault();
      machine?.fill({ room: random.whole(0, kind.noSyncs ? 1_000_000 : 5_000), ...kind });
      await ledger.until('publishing is refused', ({ awayBy }) => awayBy(load.name) > away);
      if (!kind.noNames) await ledger.allHandled();
      await pause(random.whole(0, 1_500));
      machine?.makeRoom();
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled();
    const entries = await ledger.entries();
    await empty(poisonIn(entries));
    const refused = countOf(entries, 'refused');
    const said = entries.flatMap((entry) => (entry.what === 'away' ? [entry.said] : []));
    const problems = said.filter((text) => !text.includes('the disk is full'));
    if (refused > 0) problems.push(`${refused} publishes were refused: expected that they wait`);
    return {
      times,
      duplicates: times * LANES,
      recoveryMs: 10_000,
      problems,
      note: `it was said as: ${said[0]}`,
    };
  },
};
