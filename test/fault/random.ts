/** Numbers that only look random: the same seed gives the same ones. */
export interface Random {
  /** A whole number, both ends included. */
  whole(from: number, to: number): number;
  pick<One>(from: readonly [One, ...One[]]): One;
}

/** Mulberry32: 32 bits of state, enough to draw faults. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    whole: (from, to) => from + Math.floor(next() * (to - from + 1)),
    pick: (from) => from[Math.floor(next() * from.length)] ?? from[0],
  };
}

/** The seed of one line of the table: the same, whichever other lines are run. */
export function seedOf(base: number, ...names: readonly string[]): number {
  let hash = base >>> 0;
  for (const code of Buffer.from(names.join('\n'))) hash = Math.imul(hash ^ code, 0x01000193) >>> 0;
  return hash;
}
