import { expect, test } from 'vitest';
import { InvalidMinImprovement, parseMinImprovement } from './parse-min-improvement.ts';

test.each([
  ['0', { minGain: 0 }],
  ['0.01', { minGain: 0.01 }],
  ['1%', { minRelativeGain: 0.01 }],
  [' 2.5% ', { minRelativeGain: 0.025 }],
])('%s', (text, expected) => {
  expect(parseMinImprovement(text)).toEqual(expected);
});

test.each(['', '%', '-1', 'a lot', '1,5', '0x10', 'NaN', 'Infinity'])('%o is refused', (text) => {
  expect(() => parseMinImprovement(text)).toThrow(InvalidMinImprovement);
  expect(() => parseMinImprovement(text)).toThrow(`${JSON.stringify(text)} is no minimum improvement`);
});
