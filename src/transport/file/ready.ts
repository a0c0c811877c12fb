import { createSorted, type Item } from './sorted.ts';

/**
 * What stands in `new`, as far as this process knows: from a list of the folder, and from what the system tells of it.
 * It tells of a name when it comes and when it goes, and not which: of one that it has told of before, it goes. What is
 * listed wrongly costs an attempt to take it, no more.
 */
export interface Ready {
  readonly size: number;
  /** A file that is there, as this process knows otherwise: it has been listed, or put there. */
  add(name: string, at: number): void;
  /** The system told of it. False when that was this process's own doing. */
  told(name: string, at: number): boolean;
  /** A file that has just been seen, whatever was done with that name before. */
  put(name: string, at: number): void;
  has(name: string): boolean;
  remove(name: string): void;
  /** Takes the next ones away. */
  take(max: number): Item[];
}

/** How many names of what was taken are kept, once over: until the system has told that they went. */
const REMEMBERED = 10_000;

export function createReady(): Ready {
  const sorted = createSorted();
  /** Names that the system has told of once. */
  const came = new Set<string>();
  let taken = new Set<string>();
  let takenBefore = new Set<string>();

  function remember(name: string): void {
    if (taken.size >= REMEMBERED) {
      takenBefore = taken;
      taken = new Set();
    }
    taken.add(name);
  }

  const isTaken = (name: string): boolean => taken.has(name) || takenBefore.has(name);

  return {
    get size() {
      return sorted.size;
    },
    add(name, at) {
      if (!isTaken(name)) sorted.add(name, at);
    },
    told(name, at) {
      if (isTaken(name)) return false;
      if (sorted.has(name)) {
        if (came.delete(name)) sorted.remove(name);
        return true;
      }
      sorted.add(name, at);
      came.add(name);
      return true;
    },
    has: sorted.has,
    remove(name) {
      came.delete(name);
      sorted.remove(name);
    },
    take(max) {
      const items: Item[] = [];
      while (items.length < max) {
        const item = sorted.shift();
        if (item === undefined) break;
        came.delete(item.name);
        remember(item.name);
        items.push(item);
      }
      return items;
    },
    put(name, at) {
      taken.delete(name);
      takenBefore.delete(name);
      sorted.add(name, at);
    },
  };
}
