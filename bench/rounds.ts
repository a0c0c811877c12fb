import { type Contender, label } from './contenders.ts';
import { median } from './machine.ts';

/**
 * Measures all in turns, round after round, each round beginning with another, so that what slows the machine
 * slows all of them. One round before them, which does not count, fills the disk's cache.
 */
export async function inRounds<One, Result>(
  all: readonly One[],
  rounds: number,
  measure: (one: One, warmUp: boolean) => Promise<Result>,
): Promise<Map<One, Result[]>> {
  const results = new Map<One, Result[]>(all.map((one) => [one, []]));
  for (const one of all) await measure(one, true);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < all.length; turn++) {
      const one = all[(round + turn) % all.length];
      if (one !== undefined) results.get(one)?.push(await measure(one, false));
    }
  }
  return results;
}

export interface Row {
  readonly name: string;
  readonly value: number;
  /** The first over it within each round: their median, least and greatest. */
  readonly ratio: number;
  readonly least: number;
  readonly greatest: number;
  readonly wanted?: number;
}

/** Compares the first with all: its value over theirs, round by round. */
export function compare<Result>(
  results: ReadonlyMap<Contender, readonly Result[]>,
  value: (result: Result) => number,
): Row[] {
  const [[first, firsts] = [undefined, []]] = results;
  return [...results].map(([one, theirs]) => {
    const ratios = theirs.map((result, round) => {
      const own = firsts[round];
      return own === undefined ? Number.NaN : value(own) / value(result);
    });
    return {
      name: label(one),
      value: median(theirs.map(value)),
      ratio: median(ratios),
      least: Math.min(...ratios),
      greatest: Math.max(...ratios),
      ...(one.wanted !== undefined && first?.name === 'hikyaku' && { wanted: one.wanted }),
    };
  });
}

/** One line for each: `better` says on which side of the wanted ratio ours should be. */
export function printRows(rows: readonly Row[], unit: string, better: 'higher' | 'lower', digits = 0): void {
  const first = rows[0]?.name === 'hikyaku' ? 'ours' : 'the first';
  for (const { name, value, ratio, least, greatest, wanted } of rows) {
    const met = wanted === undefined ? undefined : better === 'higher' ? ratio >= wanted : ratio <= wanted;
    const verdict = met === undefined ? '' : `, wanted ${wanted} ×: ${met ? 'met' : 'NOT met'}`;
    console.log(
      `  ${name.padEnd(36)} ${value.toFixed(digits).padStart(9)} ${unit}   ` +
        `${first} is ${ratio.toFixed(2)} × (${least.toFixed(2)} to ${greatest.toFixed(2)})${verdict}`,
    );
  }
}
