import { expect, test } from 'vitest';
import { createReleaseLog } from './releases.ts';

const delivery = (id: string, deliveries: number) => ({
  id,
  deliveries,
  body: '',
  headers: {},
  enqueuedAt: 0,
  leaseUntil: 0,
  receipt: {},
});

test('a release that the carrier counted is no attempt, however often one asks', () => {
  const log = createReleaseLog();
  log.add(delivery('a', 1));
  log.add(delivery('a', 2));
  expect([log.attempts(delivery('a', 3)), log.attempts(delivery('a', 3))]).toEqual([1, 1]);
  expect(log.attempts(delivery('a', 4))).toBe(2);
  log.forget(delivery('a', 4));
  expect(log.attempts(delivery('a', 4))).toBe(4);
});

test('the oldest is forgotten first', () => {
  const log = createReleaseLog(2);
  for (const id of ['a', 'b', 'a', 'c']) log.add(delivery(id, 1));
  expect(['a', 'b', 'c'].map((id) => log.attempts(delivery(id, 2)))).toEqual([1, 2, 1]);
});
