import type { Expiry } from './clock.ts';
import { parseName } from './entry-name.ts';
import { createSorted } from './sorted.ts';

/** Names that carry a time, and when it is over, on this process's monotonic clock. */
export interface Timed {
  /** Only these are there. */
  replace(names: readonly string[]): void;
  add(name: string): void;
  /** When the next one is over; infinity when there is none. */
  next(): number;
  /** Takes away what is over. */
  due(now: number, max: number): string[];
}

export function createTimed(expiry: Expiry): Timed {
  const sorted = createSorted();

  function add(name: string): void {
    const parsed = parseName(name);
    if (parsed === undefined || sorted.has(name)) return;
    sorted.add(name, expiry.of(parsed));
  }

  return {
    replace(names) {
      expiry.tick();
      const there = new Set(names);
      for (const name of sorted.names()) if (!there.has(name)) sorted.remove(name);
      for (const name of names) add(name);
    },
    add,
    next: () => sorted.first()?.at ?? Number.POSITIVE_INFINITY,
    due(now, max) {
      const names: string[] = [];
      for (let item = sorted.first(); item !== undefined && item.at <= now; item = sorted.first()) {
        if (names.length >= max) break;
        sorted.shift();
        names.push(item.name);
      }
      return names;
    },
  };
}
