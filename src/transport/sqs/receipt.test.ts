import { expect, test } from 'vitest';
import { ownReceipt, SqsReceipt } from './receipt.ts';

const HOUR = 3_600_000;
const MESSAGE = { id: 'i', body: 'b', headers: {}, enqueuedAt: 0, messageId: 'm' };

function receivedAgo(ms: number, leaseUntil = performance.now() + HOUR): SqsReceipt {
  return new SqsReceipt('handle', MESSAGE, performance.now() - ms, leaseUntil);
}

test.each([
  [0, 0],
  [1, 1],
  [1_000, 1],
  [1_500, 2],
])('%i ms are %i s of visibility timeout', (ms, seconds) => {
  expect(receivedAgo(0).secondsFor(ms)).toBe(seconds);
});

test('a delivery is hidden for 12 hours in all, and no longer', () => {
  expect(receivedAgo(0).secondsFor(13 * HOUR)).toBeLessThanOrEqual(12 * 3_600);
  expect(receivedAgo(11 * HOUR).secondsFor(2 * HOUR)).toBeGreaterThan(3_590);
  expect(receivedAgo(11 * HOUR).secondsFor(2 * HOUR)).toBeLessThanOrEqual(3_600);
  expect(receivedAgo(13 * HOUR).secondsFor(1_000)).toBe(0);
});

test('past the lease nothing is certain', () => {
  const now = performance.now();
  expect(receivedAgo(0).outcome(now)).toBe('settled');
  expect(receivedAgo(0, now - 1).outcome(now)).toBe('unverified');
});

test('a lease that is over sooner than an answer takes one way is not certain: it may have come as late', () => {
  const now = performance.now();
  expect(receivedAgo(0, now + 2_000).outcome(now - 3_000)).toBe('settled');
  expect(receivedAgo(0, now + 1_000).outcome(now - 3_000)).toBe('unverified');
});

test('where it was asked for in vain before, the answer may have come as late as all of that took', () => {
  const now = performance.now();
  function askedInVain(leaseUntil: number): SqsReceipt {
    const receipt = receivedAgo(0, leaseUntil);
    receipt.askedInVain(now - 1_500);
    receipt.askedInVain(now - 700);
    return receipt;
  }
  expect(askedInVain(now + 1_000).outcome(now)).toBe('unverified');
  expect(askedInVain(now + 2_000).outcome(now)).toBe('settled');
  // What has been answered is over.
  const extended = askedInVain(now + 2_000);
  extended.outcome(now);
  extended.leaseUntil = now + 1_000;
  expect(extended.outcome(now)).toBe('settled');
});

test('a receipt is known by what made it, not by how it looks', () => {
  const receipt = receivedAgo(0);
  expect(ownReceipt(receipt)).toBe(receipt);
  expect(ownReceipt({ ...receipt })).toMatchObject({ code: 'Invalid' });
});
