import { describe, expect, it } from 'vitest';
import { createExpiry } from './clock.ts';
import { formatName } from './entry-name.ts';
import { createTimed } from './timed.ts';

const SPAN = 30_000;

/** Two clocks that a test moves: together, or one of them alone. */
function given() {
  let wall = 1_763_740_800_000;
  let now = 5_000;
  const expiry = createExpiry({ wall: () => wall, now: () => now });
  const timed = createTimed(expiry);
  let count = 0;
  return {
    pass(ms: number) {
      wall += ms;
      now += ms;
    },
    set(ms: number) {
      wall += ms;
    },
    /** A lease that somebody has just taken. */
    lease: () =>
      formatName({ stem: `${count++}`, at: wall + SPAN, span: SPAN, deliveries: 1, token: 'aaaaaaaaaa-0' }),
    due(...names: string[]) {
      timed.replace(names);
      return timed.due(now, 10);
    },
    next: () => timed.next() - now,
  };
}

describe('a lease that others hold', () => {
  it('is over when its time has passed, whoever looks first then', () => {
    const { lease, pass, due } = given();
    const [seen, unseen] = [lease(), lease()];
    expect(due(seen)).toEqual([]);
    pass(SPAN - 1);
    expect(due(seen)).toEqual([]);
    pass(1);
    expect(due(seen, unseen)).toEqual([seen, unseen]);
  });

  it('that has been seen lasts as long as it should when the clock is put on, or back', () => {
    for (const jump of [3_600_000, -3_600_000]) {
      const { lease, pass, set, due } = given();
      const held = lease();
      expect(due(held)).toEqual([]);
      set(jump);
      pass(SPAN - 1);
      expect(due(held)).toEqual([]);
      pass(1);
      expect(due(held)).toEqual([held]);
    }
  });

  it('that is first seen after the clock was put on is waited for as long as it may last', () => {
    const { lease, pass, set, due } = given();
    expect(due()).toEqual([]);
    const held = lease();
    set(3_600_000);
    expect(due(held)).toEqual([]);
    pass(SPAN - 1);
    expect(due(held)).toEqual([]);
    pass(1);
    expect(due(held)).toEqual([held]);
  });

  it('that is first seen after the clock was put back is waited for no longer', () => {
    const { lease, pass, set, due, next } = given();
    const held = lease();
    set(-3_600_000);
    expect(due(held)).toEqual([]);
    expect(next()).toBe(SPAN);
    pass(SPAN);
    expect(due(held)).toEqual([held]);
  });

  it('is forgotten when its file is gone', () => {
    const { lease, pass, due, next } = given();
    const held = lease();
    due(held);
    due();
    expect(next()).toBe(Number.POSITIVE_INFINITY);
    pass(SPAN);
    expect(due()).toEqual([]);
  });
});
