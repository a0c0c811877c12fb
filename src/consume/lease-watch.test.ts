import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransportError } from '../transport/errors.ts';
import type { Incoming, SettleOutcome } from '../transport/transport.ts';
import { Attempt } from './attempt.ts';
import { createLeaseWatch, type LeaseWatch, leaseMargin } from './lease-watch.ts';

const NEVER = Number.POSITIVE_INFINITY;
let calls: { readonly at: number; readonly ms: number }[];
let answer: () => Promise<SettleOutcome>;
let lost: number[];
let timedOut: number[];
let startedAt: number;
const now = () => Math.round(performance.now() - startedAt);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  startedAt = performance.now();
  calls = [];
  answer = async () => 'settled';
  lost = [];
  timedOut = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function watchOf(extendByMs?: number): LeaseWatch {
  const watch = createLeaseWatch({
    extendByMs,
    extend: (_, ms) => {
      calls.push({ at: now(), ms });
      return answer().then((outcome) => [outcome]);
    },
    onTimeout: (attempt) => {
      timedOut.push(now());
      watch.remove(attempt);
    },
    onLeaseLost: () => lost.push(now()),
  });
  return watch;
}

function attemptOf(watch: LeaseWatch, leaseMs: number, times: { timeoutMs?: number; leftMs?: number } = {}) {
  const leaseUntil = performance.now() + leaseMs;
  const delivery: Incoming = {
    ...{ id: 'id', body: '', headers: {}, deliveries: 1, enqueuedAt: 0, receipt: {} },
    leaseUntil,
  };
  const { timeoutMs = NEVER, leftMs = NEVER } = times;
  const attempt = new Attempt(delivery, performance.now(), timeoutMs, leftMs, watch);
  watch.add(attempt);
  return attempt;
}

describe('a watched lease', () => {
  it('is extended when half of it is left, not sooner and not later', async () => {
    attemptOf(watchOf(1_000), 1_000);
    await vi.advanceTimersByTimeAsync(1_700);
    expect(calls.map(({ at }) => at)).toEqual([500, 1_000, 1_500]);
    expect(lost).toEqual([]);
  });

  it('is asked for again at a tenth of its length while the carrier is away', async () => {
    answer = async () => new TransportError('Unavailable', 'away');
    attemptOf(watchOf(1_000), 1_000);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(calls.map(({ at }) => at)).toEqual([500, 600, 700, 800, 900]);
  });

  it.each([
    [1_000, 950],
    [60_000, 59_000],
  ])('of %i ms counts as over after %i ms: when it began is not known to the ms', async (leaseMs, endsAt) => {
    answer = () => new Promise(() => {});
    for (const extendByMs of [leaseMs, undefined]) {
      startedAt = performance.now();
      const watch = watchOf(extendByMs);
      const attempt = attemptOf(watch, leaseMs);
      expect(watch.isOver(attempt)).toBe(false);
      await vi.advanceTimersByTimeAsync(leaseMs);
      expect(watch.isOver(attempt)).toBe(true);
      watch.remove(attempt);
    }
    expect(lost).toEqual([endsAt, endsAt]);
    expect(leaseMargin(leaseMs)).toBe(leaseMs - endsAt);
  });
});

describe('a handler that asks for a longer lease', () => {
  it('gets it, and its time with it', async () => {
    const attempt = attemptOf(watchOf(), 1_000, { timeoutMs: 500 });
    expect(await attempt.extendLease(3_000)).toBe(true);
    await vi.advanceTimersByTimeAsync(2_800);
    expect([lost, timedOut]).toEqual([[], []]);
    await vi.advanceTimersByTimeAsync(300);
    expect([lost, timedOut]).toEqual([[2_850], [3_000]]);
  });

  it('never has less than it had', async () => {
    const attempt = attemptOf(watchOf(), 10_000);
    for (const ms of [100, 0, -5, Number.NaN]) expect(await attempt.extendLease(ms)).toBe(true);
    expect(calls).toEqual(Array.from({ length: 4 }, () => ({ at: 0, ms: 10_000 })));
    await vi.advanceTimersByTimeAsync(9_000);
    expect(lost).toEqual([]);
  });

  it('never has more time than its host', async () => {
    const attempt = attemptOf(watchOf(), 1_000, { timeoutMs: 500, leftMs: 800 });
    expect(await attempt.extendLease(3_000)).toBe(true);
    await vi.advanceTimersByTimeAsync(3_000);
    expect(timedOut).toEqual([800]);
  });

  it('is watched from the end of the new lease, however late the answer came', async () => {
    const watch = watchOf(1_000);
    const answered = Promise.withResolvers<SettleOutcome>();
    answer = () => answered.promise;
    const attempt = attemptOf(watch, 1_000);
    const extended = attempt.extendLease(1_010);
    await vi.advanceTimersByTimeAsync(700);
    answer = async () => 'settled';
    answered.resolve('settled');
    expect(await extended).toBe(true);
    await vi.advanceTimersByTimeAsync(1);
    expect(calls).toEqual([
      { at: 0, ms: 1_010 },
      { at: 701, ms: 1_000 },
    ]);
  });

  it('has one extension at a time, or the shorter might come last', async () => {
    const answered = Promise.withResolvers<SettleOutcome>();
    answer = () => answered.promise;
    const attempt = attemptOf(watchOf(1_000), 1_000);
    await vi.advanceTimersByTimeAsync(500);
    const extended = [attempt.extendLease(5_000), attempt.extendLease(4_000)];
    await vi.advanceTimersByTimeAsync(100);
    expect(calls).toHaveLength(1);
    answered.resolve('settled');
    expect(await Promise.all(extended)).toEqual([true, true]);
    expect(calls.map(({ ms }) => ms)).toEqual([1_000, 5_000, 5_000]);
  });

  it.each<[string, () => Promise<SettleOutcome>, boolean]>([
    ['is away', () => Promise.reject(new Error('socket')), false],
    ['cannot say', async () => 'unverified', false],
    ['says it is lost', async () => new TransportError('LeaseLost', 'gone'), true],
  ])('is told so when the carrier %s', async (_, answers, isLost) => {
    answer = answers;
    const attempt = attemptOf(watchOf(), 1_000);
    expect(await attempt.extendLease(2_000)).toBe(false);
    expect(lost).toEqual(isLost ? [0] : []);
    expect(attempt.signal.aborted).toBe(isLost);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(lost).toHaveLength(1);
    expect(await attempt.extendLease(2_000)).toBe(false);
    expect(calls).toHaveLength(1);
  });
});
