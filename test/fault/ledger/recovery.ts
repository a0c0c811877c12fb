import type { Entry } from './entry.ts';

/**
 * How soon a fault is over: from its end until something that was published afterwards has been handled, and all that
 * was at work when it began.
 */
export interface Recovery {
  add(entry: Entry): void;
  /** All goes on since the last fault. */
  readonly over: boolean;
  /** How long each took, in ms: infinite where it was never over. */
  readonly all: readonly number[];
}

export function createRecovery(): Recovery {
  const took: number[] = [];
  /** Never handled: nobody waits for it. */
  const poison = new Set<string>();
  /** Begun and not ended, of those that may be begun again. */
  const atWork = new Set<string>();
  let owed = new Set<string>();
  let fresh = new Set<string>();
  let healedAt: number | undefined;
  let isFresh = true;
  let lastAt = 0;

  const over = (): boolean => isFresh && owed.size === 0;

  function current(): number[] {
    if (healedAt === undefined) return [];
    return [over() ? Math.max(0, lastAt - healedAt) : Number.POSITIVE_INFINITY];
  }

  function end(): void {
    took.push(...current());
    healedAt = undefined;
  }

  return {
    add(entry) {
      switch (entry.what) {
        case 'begun':
          if (!poison.has(entry.id)) atWork.add(entry.id);
          break;
        case 'failed':
          atWork.delete(entry.id);
          break;
        case 'fault':
          end();
          owed = new Set(atWork);
          break;
        case 'healed':
          end();
          healedAt = entry.at;
          lastAt = entry.at;
          isFresh = false;
          fresh = new Set();
          break;
        case 'publishing':
          if (entry.poison !== undefined) poison.add(entry.id);
          else if (!isFresh) fresh.add(entry.id);
          break;
        case 'handled': {
          atWork.delete(entry.id);
          const wasOwed = owed.delete(entry.id);
          const firstFresh = !isFresh && fresh.has(entry.id);
          if (firstFresh) isFresh = true;
          if (wasOwed || firstFresh) lastAt = entry.at;
          break;
        }
      }
    },
    get over() {
      return over();
    },
    get all() {
      return [...took, ...current()];
    },
  };
}
