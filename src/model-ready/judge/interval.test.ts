import { expect, test } from 'vitest';
import { gainInterval } from './interval.ts';

const of = (value: number, examples?: number, standardError?: number) => ({
  from: 'a test',
  value,
  examples,
  standardError,
});
const proportion = { isProportion: true, exactBaseline: false };

// Newcombe 1998, table II, method 10: the examples with 56/70 - 48/80 and 9/10 - 3/10.
test.each([
  [56 / 70, 70, 48 / 80, 80, 0.0524, 0.3339],
  [9 / 10, 10, 3 / 10, 10, 0.1705, 0.809],
])('%d of %d over %d of %d, by the published example', (p, n, q, m, low, high) => {
  const interval = gainInterval(of(p, n), of(q, m), proportion);
  expect(interval?.method).toBe('newcombe');
  expect(interval?.low).toBeCloseTo(low, 4);
  expect(interval?.high).toBeCloseTo(high, 4);
});

test('by standard errors: 1.96 of the difference either way', () => {
  const interval = gainInterval(of(10, undefined, 0.3), of(9, undefined, 0.4), {
    ...proportion,
    isProportion: false,
  });
  expect(interval).toMatchObject({ method: 'normal' });
  expect(interval?.low).toBeCloseTo(1 - 0.98, 3);
  expect(interval?.high).toBeCloseTo(1 + 0.98, 3);
});

test('a number that was written down has no error of its own', () => {
  const exact = { isProportion: true, exactBaseline: true };
  const one = gainInterval(of(0.8, 100), of(0.7), exact);
  expect(one?.low).toBeCloseTo(0.7112 - 0.7, 3);
  expect(gainInterval(of(0.8, 100), of(0.7), proportion)).toBeUndefined();
});

test.each([
  ['no number of examples', of(0.8), of(0.7, 10), true],
  ['no share of the examples', of(0.8, 10), of(0.7, 10), false],
  ['no value', { from: 'a test' }, of(0.7, 10), true],
  ['a value that is no share', of(1.5, 10), of(0.7, 10), true],
])('%s: no interval', (_, candidate, baseline, isProportion) => {
  expect(gainInterval(candidate, baseline, { isProportion, exactBaseline: false })).toBeUndefined();
});
