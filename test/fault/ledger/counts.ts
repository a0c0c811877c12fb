import type { Entry } from './entry.ts';

/** How often this was said. */
export function countOf(entries: readonly Entry[], what: Entry['what']): number {
  return entries.filter((entry) => entry.what === what).length;
}

/** How much poison was published. */
export function poisonIn(entries: readonly Entry[]): number {
  return entries.filter((entry) => entry.what === 'publishing' && entry.poison !== undefined).length;
}
