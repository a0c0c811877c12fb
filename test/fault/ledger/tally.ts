import type { Entry } from './entry.ts';

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
  /** A message that was published after the last fault had ended has been handled. */
  readonly recovered: boolean;
  describe(): string;
}

export function createTally(): Tally {
  const accepted = new Set<string>();
  const handled = new Set<string>();
  const poison = new Set<string>();
  const open = new Set<string>();
  const fresh = new Set<string>();
  const counts = new Map<string, number>();
  let recovered = false;

  const count = (what: string): number => counts.get(what) ?? 0;

  function handle(id: string): void {
    handled.add(id);
    open.delete(id);
    if (fresh.has(id)) recovered = true;
  }

  return {
    add(entry) {
      for (const what of [entry.what, `${entry.what} ${entry.by}`]) counts.set(what, count(what) + 1);
      switch (entry.what) {
        case 'publishing':
          fresh.add(entry.id);
          if (entry.poison !== undefined) poison.add(entry.id);
          break;
        case 'accepted':
          accepted.add(entry.id);
          if (!handled.has(entry.id) && !poison.has(entry.id)) open.add(entry.id);
          break;
        case 'handled':
          handle(entry.id);
          break;
        case 'fault':
        case 'healed':
          fresh.clear();
          recovered = false;
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
    get recovered() {
      return recovered;
    },
    describe: () =>
      `${accepted.size} accepted, ${handled.size} handled, ${open.size} open, ${count('failed')} failed, ${count('away')} times away`,
  };
}
