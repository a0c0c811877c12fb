import { expect, it } from 'vitest';
import { createFailureLog } from './failures.ts';

it('remembers the last failures of the last messages, and hands them out once', () => {
  const log = createFailureLog(2);
  const failure = (attempt: number) => ({ attempt, at: '', error: '' });
  for (let attempt = 1; attempt <= 10; attempt++) log.add('a', failure(attempt));
  log.add('b', failure(1));
  expect(log.take('a').map(({ attempt }) => attempt)).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  expect(log.take('a')).toEqual([]);
  log.add('c', failure(1));
  log.add('d', failure(1));
  expect(log.take('b')).toEqual([]);
  expect(log.take('c')).toHaveLength(1);
});
