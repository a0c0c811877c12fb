import { describe, expect, it } from 'vitest';
import type { Allowance } from './fault.ts';
import type { Entry, Report } from './ledger/entry.ts';
import { judge } from './verdict.ts';

const ALLOWED: Allowance = { times: 1, duplicates: 0, recoveryMs: 1_000 };

function ledger(...reports: readonly (Report & { by?: string; at?: number })[]): Entry[] {
  return reports.map((report, index) => ({ at: index * 10, by: 'somebody', ...report }));
}

const published = (id: string, more: { key?: string; poison?: 'throws' | 'kills' } = {}): Report[] => [
  { what: 'publishing', id, sum: `of ${id}`, ...more },
  { what: 'accepted', id },
];
const begun = (id: string, attempt = 1): Report => ({ what: 'begun', id, attempt });
const handled = (id: string, attempt = 1): Report[] => [
  begun(id, attempt),
  { what: 'handled', id, attempt, sum: `of ${id}` },
];
const settled = (id: string, outcome = 'settled'): Report => ({
  what: 'settled',
  id,
  action: 'ack',
  outcome,
});
const dead = (id: string): Report => ({ what: 'dead', id, code: 'exhausted', attempts: 1 });

function problems(reports: readonly Report[], allowance: Partial<Allowance> = {}, ordered = false): string[] {
  return judge(ledger(...reports), { ...ALLOWED, ...allowance }, ordered).problems.map(({ text }) => text);
}

describe('the verdict', () => {
  it('is good when all that was accepted was handled, or was poison and is dead', () => {
    const entries = ledger(
      ...published('a'),
      ...published('p', { poison: 'throws' }),
      { what: 'publishing', id: 'u', sum: 'of u' },
      ...handled('a'),
      settled('a'),
      begun('p'),
      { what: 'failed', id: 'p', attempt: 1 },
      dead('p'),
      ...handled('u'),
    );
    expect(judge(entries, { ...ALLOWED, attempts: 1 }, false)).toEqual({
      ...{ accepted: 2, unknown: 1, handled: 2, duplicates: 0, dead: 1, lost: 0 },
      ...{ recoveries: [], problems: [] },
    });
  });

  it.each<[string, readonly Report[]]>([
    ['1 accepted, and neither handled nor dead-lettered', published('a')],
    ['1 handled or dead-lettered, and never published', handled('a')],
    [
      '1 handled with other bytes than were published',
      [...published('a'), begun('a'), { what: 'handled', id: 'a', attempt: 1, sum: 'another' }],
    ],
    ['1 dead-lettered, and no poison', [...published('a'), begun('a'), dead('a')]],
    ['1 dead-lettered, and never tried', [...published('a', { poison: 'throws' }), dead('a')]],
    ['1 poison, and handled', [...published('a', { poison: 'throws' }), ...handled('a')]],
    ['1 duplicates: at most 0', [...published('a'), ...handled('a'), ...handled('a', 2)]],
    [
      '1 acknowledged for certain, and more than once',
      [...published('a'), ...handled('a'), settled('a'), settled('a')],
    ],
    [
      '1 begun again after it was acknowledged for certain',
      [...published('a'), ...handled('a'), settled('a'), begun('a', 2)],
    ],
  ])('says: %s', (text, reports) => {
    expect(problems(reports)).toEqual([text]);
  });

  it('counts attempts of poison, where it is said how many there have to be', () => {
    const twice = [...published('a', { poison: 'throws' }), begun('a'), begun('a', 2), dead('a')];
    expect(problems(twice, { attempts: 2 })).toEqual([]);
    expect(problems(twice, { attempts: 3 })).toEqual(['1 poison, and not begun exactly 3 times']);
  });

  it('asks for order by the first handlings of a key, where it is promised', () => {
    const reports = [
      ...published('a', { key: 'k' }),
      ...published('b', { key: 'k' }),
      ...published('c', { key: 'other' }),
      ...handled('b'),
      ...handled('c'),
      ...handled('a'),
    ];
    expect(problems(reports)).toEqual([]);
    expect(problems(reports, {}, true)).toEqual([
      '1 handled for the first time after a later one of their key',
    ]);
    const again = [...handled('a'), ...handled('b'), ...handled('a', 2)];
    expect(problems([...reports.slice(0, 6), ...again, ...handled('c')], { duplicates: 1 }, true)).toEqual(
      [],
    );
  });

  it('lets be lost what the fault destroys, and no more', () => {
    expect(problems(published('a'), { mayLose: new Set(['a']) })).toEqual([]);
    expect(problems(published('a'), { mayLose: new Set(['b']) })).toHaveLength(1);
  });

  it('knows that what was sent again may be there twice', () => {
    const reports: Report[] = [...published('a'), { what: 'resent', id: 'a' }];
    const each = [...handled('a'), settled('a'), ...handled('a'), settled('a')];
    expect(problems([...reports, ...each], { duplicates: 1 })).toEqual([]);
    expect(problems([...reports, ...each, settled('a')], { duplicates: 1 })).toHaveLength(1);
  });

  it('measures how soon all goes on: what was at work, and what is new', () => {
    const reports: (Report & { at?: number })[] = [
      ...published('a'),
      begun('a'),
      // Which is never handled: nobody waits for it.
      ...published('p', { poison: 'throws' }),
      begun('p'),
      dead('p'),
      { what: 'fault', at: 1_000 },
      { what: 'healed', at: 2_000 },
      ...published('b'),
      ...handled('b').map((report) => ({ ...report, at: 2_100 })),
      ...handled('a').map((report) => ({ ...report, at: 2_700 })),
    ];
    expect(judge(ledger(...reports), ALLOWED, false)).toMatchObject({ recoveries: [700], problems: [] });
    expect(problems(reports, { recoveryMs: 600 })).toEqual(['recovered after 700 ms: at most 600']);
    expect(problems(reports.slice(0, -2), { mayLose: new Set(['a']) })).toEqual([
      'recovered after Infinity ms: at most 1000',
    ]);
  });
});
