import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DeadLetterCode } from '../message/dead-letter.ts';
import { groupDeadLetters } from './dead-letter-groups.ts';
import type { DeadLetterView } from './dead-letters.ts';
import { fingerprintOf, patternOf } from './fingerprint.ts';

const pattern = (message: string): string => patternOf({ message });

describe('the pattern of a reason', () => {
  it.each([
    ['connect ECONNREFUSED 10.0.0.1:6379', 'connect ECONNREFUSED <n>:<n>'],
    ['order 12 costs 3.50, not 1,200.00', 'order <n> costs <n>, not <n>'],
    [`data.name: expected "a b", found 'c'`, 'data.name: expected "…", found "…"'],
    ["it doesn't exist, and isn't missed", "it doesn't exist, and isn't missed"],
    ['request 0192f3a4-7b11-7cc0-9f5e-0123456789ab failed', 'request <id> failed'],
    ['since 2026-11-21T10:00:00.123Z nothing', 'since <time> nothing'],
    ['commit 9fceb02d0ae598e9 at 0x7ffe is gone', 'commit <hex> at <hex> is gone'],
    ['deadbeef defaced acceded', 'deadbeef defaced acceded'],
    ['key AKIA1234ABCD5678 denied', 'key <id> denied'],
    ['model-12 v7\n  at line 3', 'model-<n> v<n> at line <n>'],
  ])('%s', (message, expected) => expect(pattern(message)).toBe(expected));

  it('keeps what says something else apart', () => {
    const reason = (code: DeadLetterCode, message: string) => fingerprintOf({ code, message });
    expect(reason('rejected', 'order 1')).toBe(reason('rejected', 'order 2'));
    expect(reason('rejected', 'order 1')).not.toBe(reason('exhausted', 'order 1'));
    expect(reason('rejected', 'order 1')).not.toBe(reason('rejected', 'odour 1'));
  });

  it('is short, and soon there, whatever it was', () => {
    const messages = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 1_000 }),
      fc.constantFrom('"', "'", '0', 'a1', '-').map((text) => text.repeat(1_000)),
    );
    const startedAt = performance.now();
    fc.assert(
      fc.property(messages, (message) => {
        expect(pattern(message).length).toBeLessThanOrEqual(200);
      }),
      { numRuns: 500 },
    );
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});

it('dead letters are grouped by what they died of, the largest group first', () => {
  const letter = (id: string, message: string, at: string): DeadLetterView => ({
    id,
    reason: { code: 'rejected', message, at, attempts: 1, history: [] },
    replays: 0,
    enqueuedAt: 5_000,
    body: '',
    headers: {},
  });
  const groups = groupDeadLetters([
    letter('a', 'nothing to pay', '2026-11-21T10:00:00Z'),
    letter('b', 'order 2 is gone', '2026-11-21T12:00:00Z'),
    letter('c', 'order 1 is gone', '2026-11-21T11:00:00Z'),
    letter('d', 'order 3 is gone', 'unreadable'),
  ]);
  expect(groups).toMatchObject([
    {
      count: 3,
      pattern: 'order <n> is gone',
      example: 'b',
      first: 5_000,
      last: Date.parse('2026-11-21T12:00:00Z'),
    },
    { count: 1, pattern: 'nothing to pay', example: 'a' },
  ]);
  expect(groupDeadLetters([])).toEqual([]);
});
