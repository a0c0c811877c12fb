import { type ArenaOptions, openArena } from './arena.ts';
import type { Allowance, Fault } from './fault.ts';
import type { Entry } from './ledger/entry.ts';
import { judge, type Verdict } from './verdict.ts';

/** A line of the table. */
export interface Line extends Omit<Verdict, 'problems' | 'recoveries'> {
  readonly fault: string;
  readonly carrier: string;
  readonly seed: number;
  readonly times: number;
  readonly recoveryP50Ms: number | undefined;
  readonly recoveryMaxMs: number | undefined;
  readonly seconds: number;
  readonly ok: boolean;
  readonly note?: string;
}

/** What a fault came to, and where it broke the promise, the histories of the messages concerned. */
export interface Trial {
  readonly line: Line;
  /** Empty when all is well. */
  readonly report: string;
}

/** Makes a fault on a carrier, and judges what became of the messages. */
export async function tryFault(fault: Fault, options: Omit<ArenaOptions, 'fault'>): Promise<Trial> {
  const startedAt = performance.now();
  const arena = await openArena({ ...options, fault });
  try {
    const allowance = await fault.run(arena).catch(gaveUp);
    // What does not come now is lost: the verdict says so.
    const patience = allowance.mayLose === undefined ? 30_000 : 6_000;
    await arena.ledger.allHandled(options.breakage ? 5_000 : patience).catch(() => undefined);
    const left = await arena.end();
    const entries = await arena.ledger.entries();
    const problems = [...(allowance.problems ?? []), ...left];
    const verdict = judge(entries, { ...allowance, problems }, options.carrier.ordered);
    const recoveries = verdict.recoveries.toSorted((a, b) => a - b);
    const { accepted, unknown, handled, duplicates, dead, lost } = verdict;
    return {
      line: {
        fault: fault.name,
        carrier: options.carrier.name,
        seed: options.seed,
        times: allowance.times,
        accepted,
        unknown,
        handled,
        duplicates,
        dead,
        lost,
        recoveryP50Ms: rounded(recoveries[Math.floor(recoveries.length / 2)]),
        recoveryMaxMs: rounded(recoveries.at(-1)),
        seconds: Math.round((performance.now() - startedAt) / 100) / 10,
        ok: verdict.problems.length === 0,
        ...(allowance.note !== undefined && { note: allowance.note }),
      },
      report: describe(verdict, entries),
    };
  } finally {
    await arena.close();
  }
}

/** A fault that waited in vain: what became of its messages says why. */
function gaveUp(error: unknown): Allowance {
  const text = error instanceof Error ? error.message : String(error);
  return { times: 0, duplicates: Infinity, recoveryMs: Infinity, problems: [text] };
}

function rounded(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms);
}

/** How many messages' histories are shown for each problem. */
const SHOWN = 5;

function describe({ problems }: Verdict, entries: readonly Entry[]): string {
  return problems
    .map(({ text, ids }) => [text, ...ids.slice(0, SHOWN).map((id) => historyOf(id, entries))].join('\n'))
    .join('\n\n');
}

/** What happened to one message, and the faults meanwhile, in the order of the ledger. */
function historyOf(id: string, entries: readonly Entry[]): string {
  const from = entries.findIndex((entry) => 'id' in entry && entry.id === id);
  const to = entries.findLastIndex((entry) => 'id' in entry && entry.id === id);
  return entries
    .slice(from, to + 1)
    .filter((entry) => !('id' in entry) || entry.id === id)
    .map(
      ({ at, by, what, ...rest }) =>
        `  ${(at / 1_000).toFixed(3)} s  ${by}  ${what}  ${JSON.stringify(rest)}`,
    )
    .join('\n');
}
