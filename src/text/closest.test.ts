import { expect, it } from 'vitest';
import { closest } from './closest.ts';

it('names the nearest word, and none where none is near', () => {
  expect(closest('prefx', ['region', 'prefix'])).toBe(' (did you mean prefix?)');
  expect(closest('SQSS', ['memory', 'sqs'])).toBe(' (did you mean sqs?)');
  expect(closest('kafka', ['memory', 'sqs'])).toBe('');
  expect(closest('x', [])).toBe('');
});

it('does not compare what is too long to be a word', () => {
  expect(closest('prefix'.repeat(100_000), ['prefix'.repeat(99_999)])).toBe('');
});
