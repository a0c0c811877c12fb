import { expect, it } from 'vitest';
import { within } from './within.ts';

it('waits for what ends in time, and leaves no timer behind', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const before = timers();
  await within(1e9, Promise.resolve());
  await within(1e9, undefined);
  await expect(within(1e9, Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(timers()).toBe(before);
});

it('waits no longer than that', async () => {
  const startedAt = performance.now();
  await within(20, new Promise(() => {}));
  expect(performance.now() - startedAt).toBeGreaterThan(15);
});
