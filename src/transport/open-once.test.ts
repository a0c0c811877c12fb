import { expect, it } from 'vitest';
import { openOnce } from './open-once.ts';

it('what is opened once is tried again after a failure, and not after that', async () => {
  let tries = 0;
  const open = openOnce(async () => {
    tries++;
    if (tries === 1) throw new Error('not yet');
    return tries;
  });
  const first = [open(), open()];
  for (const failed of await Promise.allSettled(first)) expect(failed).toMatchObject({ status: 'rejected' });
  expect(tries).toBe(1);
  expect(await Promise.all([open(), open()])).toEqual([2, 2]);
  expect(await open()).toBe(2);
});
