import type { Entry } from './entry.ts';
import { createRecovery } from './recovery.ts';

/** What the ledger has so far, counted. */
export interface Tally {
  add(entry: Entry): void;
  readonly accepted: number;
  /** Different messages that were handled. */
  readonly handled: number;
  /** Accepted, not poison, and not handled yet. */
  readonly open: number;
  /** Handlings begun, by whom. */
  begunBy(who: string): number;
  acceptedBy(who: string): number;
  handledBy(who: string): number;
  readonly failed: number;
  readonly away: number;
  awayBy(who: string): number;
  /** All goes on since the last fault. */
  readonly recovered: boolean;
  describe(): string;
}

export function createTally(): Tally {
  const accepted = new Set<string>();
  const handled = new Set<string>();
  const poison = new Set<string>();
  const open = new Set<string>();
  const counts = new Map<string, number>();
  const recovery = createRecovery();

  const count = (what: string): number => counts.get(what) ?? 0;

  return {
    add(entry) {
      recovery.add(entry);
      for (const what of [entry.what, `${entry.what} ${entry.by}`]) counts.set(what, count(what) + 1);
      switch (entry.what) {
        case 'publishing':
          if (entry.poison !== undefined) poison.add(entry.id);
          break;
        case 'accepted':
          accepted.add(entry.id);
          if (!handled.has(entry.id) && !poison.has(entry.id)) open.add(entry.id);
          break;
        case 'handled':
          handled.add(entry.id);
          open.delete(entry.id);
          break;
      }
    },
    get accepted() {
      return accepted.size;
    },
    get handled() {
      return handled.size;
    },
    get open() {
      return open.size;
    },
    begunBy: (who) => count(`begun ${who}`),
    acceptedBy: (who) => count(`accepted ${who}`),
    handledBy: (who) => count(`handled ${who}`),
    get failed() {
      return count('failed');
    },
    get away() {
      return count('away');
    },
    awayBy: (who) => count(`away ${who}`),
    get recovered() {
      return recovery.over;
    },
    describe: () =>
      `${accepted.size} accepted, ${handled.size} handled, ${open.size} open, ${count('failed')} failed, ${count('away')} times away`,
  };
}
