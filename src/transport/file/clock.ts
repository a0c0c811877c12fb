/**
 * Two clocks. Names carry Unix time, for it is what processes share; but that clock can be set. What this process does
 * by it, it does by its own monotonic one from when it first sees a name, and it notices when the other has been put on.
 */
export interface Clock {
  /** Unix ms. */
  wall(): number;
  /** Ms on a clock that nobody sets. */
  now(): number;
}

export const SYSTEM_CLOCK: Clock = { wall: () => Date.now(), now: () => performance.now() };

/** The clock was put on by more than this, or the machine slept, in ms: less is how clocks are kept right. */
const JUMP_MS = 1_000;

/** Says when a time that stands in a name is over. */
export interface Expiry {
  /** Called each time names are looked at. */
  tick(): void;
  /** On `now()`; `at` in Unix ms, and how long it was until then when the name was made. */
  of(name: { readonly at: number; readonly span: number }): number;
}

export function createExpiry(clock: Clock): Expiry {
  const offset = (): number => clock.wall() - clock.now();
  let known = offset();
  let jumpedAt = Number.NEGATIVE_INFINITY;

  function tick(): void {
    const current = offset();
    if (current - known > JUMP_MS) jumpedAt = clock.now();
    known = current;
  }

  return {
    tick,
    of({ at, span }) {
      tick();
      const now = clock.now();
      const left = at - clock.wall();
      // Put back, the clock would have it wait longer than was ever meant.
      if (left > 0) return now + Math.min(left, span);
      // Put on, it may seem over and not be: it is for certain when all of it has passed since.
      return Math.max(now, jumpedAt + span);
    },
  };
}
