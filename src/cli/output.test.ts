import { describe, expect, it } from 'vitest';
import { ago, printable, table } from './output.ts';

describe('what is printed', () => {
  it('says how long ago, in the unit a person thinks in', () => {
    const at = (seconds: number) => ago(1_000_000_000 - seconds * 1_000, 1_000_000_000);
    expect([at(-5), at(90), at(600), at(7_200 * 2), at(86_400 * 3)]).toEqual([
      '0 s ago',
      '90 s ago',
      '10 min ago',
      '4 h ago',
      '3 days ago',
    ]);
  });

  it('moves nobody’s cursor', () => {
    expect(printable('a\u001B[2J\nb\u202Ec é')).toBe('a\\u001b[2J\\u000ab\\u202ec é');
    expect(printable('a\u2028b\uD800')).toBe('a\\u2028b\\ud800');
  });

  it('is a table at once, however long an id is', () => {
    const { isTTY } = process.stdout;
    process.stdout.isTTY = false;
    const before = process.cpuUsage().user;
    const drawn = table(
      ['id', 'why'],
      [
        ['漢'.repeat(200_000), 'long'],
        ['short', 'as well'],
      ],
    );
    process.stdout.isTTY = isTTY;
    expect(drawn).toMatch(/^short +as well$/m);
    // Whole, it takes an hour.
    expect((process.cpuUsage().user - before) / 1e6).toBeLessThan(5);
  });

  it('is a table in a terminal and columns when piped', () => {
    const { isTTY } = process.stdout;
    try {
      process.stdout.isTTY = false;
      expect(table(['a', 'b'], [['x', 1]])).toBe('a b\nx 1');
      process.stdout.isTTY = true;
      expect(table(['a', 'b'], [['x', 1]])).toContain('│');
    } finally {
      process.stdout.isTTY = isTTY;
    }
  });
});
