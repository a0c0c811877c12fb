import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { REJECTION_CODES } from '../../src/model-ready/judge/rejection.ts';

test('docs/reference/verdicts.md explains every code, and no other', () => {
  const page = readFileSync(new URL('../../docs/reference/verdicts.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code);
  const codes = rows.slice(0, rows.indexOf('missing_token_symbol') + 1);
  expect(codes.toSorted()).toEqual([...REJECTION_CODES].toSorted());
});
