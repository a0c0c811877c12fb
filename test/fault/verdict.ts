import type { Allowance } from './fault.ts';
import type { Entry } from './ledger/entry.ts';
import { createRecovery } from './ledger/recovery.ts';

/** What became of all messages of a run. */
export interface Verdict {
  readonly accepted: number;
  /** Published, and never known whether accepted: refused, or its producer died in between. */
  readonly unknown: number;
  readonly handled: number;
  readonly duplicates: number;
  readonly dead: number;
  readonly lost: number;
  /** For each fault, in ms. */
  readonly recoveries: readonly number[];
  /** What is wrong, and the messages concerned. */
  readonly problems: readonly Problem[];
}

export interface Problem {
  readonly text: string;
  readonly ids: readonly string[];
}

/** One message's life. */
interface Life {
  readonly published: Extract<Entry, { what: 'publishing' }> | undefined;
  readonly entries: readonly Entry[];
}

/** Judges by what stands in the ledger, and by nothing else. */
export function judge(entries: readonly Entry[], allowance: Allowance, ordered: boolean): Verdict {
  const lives = livesOf(entries);
  const ids = (wanted: (life: Life, id: string) => boolean): string[] =>
    [...lives].filter(([id, life]) => wanted(life, id)).map(([id]) => id);
  const has = ({ entries }: Life, what: Entry['what']): boolean => entries.some((one) => one.what === what);
  const count = ({ entries }: Life, what: Entry['what']): number =>
    entries.filter((one) => one.what === what).length;

  const accepted = ids((life) => has(life, 'accepted'));
  const lost = ids((life) => has(life, 'accepted') && !has(life, 'handled') && !has(life, 'dead'));
  const handled = ids((life) => has(life, 'handled'));
  const dead = ids((life) => has(life, 'dead'));
  const repeated = ids((life) => count(life, 'handled') > 1);
  const duplicates = repeated.reduce((sum, id) => sum + count(lives.get(id) ?? NO_LIFE, 'handled') - 1, 0);
  const recoveries = recoveriesOf(entries);
  const slowest = Math.max(0, ...recoveries);

  const problems: Problem[] = (allowance.problems ?? []).map((text) => ({ text, ids: [] }));
  const wrong = (text: string, concerned: readonly string[]): void => {
    if (concerned.length > 0) problems.push({ text: `${concerned.length} ${text}`, ids: concerned });
  };
  wrong(
    'accepted, and neither handled nor dead-lettered',
    lost.filter((id) => !allowance.mayLose?.has(id)),
  );
  wrong(
    'handled or dead-lettered, and never published',
    ids((life) => life.published === undefined && (has(life, 'handled') || has(life, 'dead'))),
  );
  wrong(
    'handled with other bytes than were published',
    ids((life) =>
      life.entries.some(
        (one) => one.what === 'handled' && life.published !== undefined && one.sum !== life.published.sum,
      ),
    ),
  );
  wrong(
    'dead-lettered, and no poison',
    ids((life) => has(life, 'dead') && life.published?.poison === undefined),
  );
  wrong(
    'dead-lettered, and never tried',
    ids((life) => has(life, 'dead') && !has(life, 'begun')),
  );
  wrong(
    'poison, and handled',
    ids((life) => has(life, 'handled') && life.published?.poison !== undefined),
  );
  if (!allowance.forgets) {
    wrong('acknowledged for certain, and more than once', ids(acknowledgedTwice));
    const afterwards = ids(begunAfterwards);
    if (afterwards.length > (allowance.begunAfterwards ?? 0)) {
      wrong('begun again after it was acknowledged for certain', afterwards);
    }
  }
  if (allowance.attempts !== undefined) {
    wrong(
      `poison, and not begun exactly ${allowance.attempts} times`,
      ids((life) => life.published?.poison === 'throws' && count(life, 'begun') !== allowance.attempts),
    );
  }
  if (ordered) wrong('handled for the first time after a later one of their key', overtaken(lives));
  if (duplicates > allowance.duplicates) {
    problems.push({ text: `${duplicates} duplicates: at most ${allowance.duplicates}`, ids: repeated });
  }
  if (slowest > allowance.recoveryMs) {
    problems.push({
      text: `recovered after ${Math.round(slowest)} ms: at most ${allowance.recoveryMs}`,
      ids: [],
    });
  }
  return {
    accepted: accepted.length,
    unknown: ids((life) => life.published !== undefined && !has(life, 'accepted')).length,
    handled: handled.length,
    duplicates,
    dead: dead.length,
    lost: lost.length,
    recoveries,
    problems,
  };
}

const NO_LIFE: Life = { published: undefined, entries: [] };

function livesOf(entries: readonly Entry[]): Map<string, Life> {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    if (!('id' in entry)) continue;
    const group = groups.get(entry.id);
    if (group === undefined) groups.set(entry.id, [entry]);
    else group.push(entry);
  }
  return new Map(
    Array.from(groups, ([id, entries]) => [
      id,
      { entries, published: entries.find((entry) => entry.what === 'publishing') },
    ]),
  );
}

function isCertain(entry: Entry): boolean {
  return entry.what === 'settled' && entry.action === 'ack' && entry.outcome === 'settled';
}

/** A publish whose answer was lost is sent again: each copy has an acknowledgement of its own. */
function copiesOf({ entries }: Life): number {
  return 1 + entries.filter(({ what }) => what === 'resent').length;
}

function acknowledgedTwice(life: Life): boolean {
  return life.entries.filter(isCertain).length > copiesOf(life);
}

function begunAfterwards(life: Life): boolean {
  const certain = life.entries.findIndex(isCertain);
  return (
    copiesOf(life) === 1 && certain >= 0 && life.entries.slice(certain).some(({ what }) => what === 'begun')
  );
}

/** On an ordered topic: accepted messages that were first handled after a later one of their key. */
function overtaken(lives: ReadonlyMap<string, Life>): string[] {
  const latest = new Map<string, number>();
  const found: string[] = [];
  // In the order of publishing: that of the ledger.
  for (const [id, { published, entries }] of lives) {
    if (published?.key === undefined || !entries.some(({ what }) => what === 'accepted')) continue;
    const first = entries.find(({ what }) => what === 'handled');
    if (first === undefined) continue;
    const before = latest.get(published.key) ?? 0;
    if (first.at < before) found.push(id);
    else latest.set(published.key, first.at);
  }
  return found;
}

function recoveriesOf(entries: readonly Entry[]): readonly number[] {
  const recovery = createRecovery();
  for (const entry of entries) recovery.add(entry);
  return recovery.all;
}
