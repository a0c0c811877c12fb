import { expect, onTestFinished, test, vi } from 'vitest';
import { watchForStandstill } from './stood.ts';

/** Stops this thread, timers and sockets included, as a suspended process. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function watch() {
  const one = watchForStandstill();
  onTestFinished(() => one.end());
  return one;
}

test('what arrives as this process goes on may have been waiting since it stood still', async () => {
  const { arrivedAfter } = watch();
  const before = performance.now();
  standStill(600);
  expect(arrivedAfter()).toBeLessThanOrEqual(before);
  // Timers are told first, and what has arrived is read after them.
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(arrivedAfter()).toBeLessThanOrEqual(before);
  standStill(600);
  expect(arrivedAfter()).toBeLessThanOrEqual(before);
});

test('what arrives later has arrived now', async () => {
  const { arrivedAfter } = watch();
  standStill(600);
  const after = performance.now();
  await vi.waitFor(() => expect(arrivedAfter()).toBeGreaterThan(after + 900), 10_000);
});

test('a process that never stood still gets what arrives now', () => {
  const now = performance.now();
  expect(watch().arrivedAfter()).toBeGreaterThanOrEqual(now);
});
