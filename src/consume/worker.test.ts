import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { Reject } from './handler.ts';
import { startWorker, type Worker, type WorkerOptions } from './worker.ts';

type Data = { n: number; note?: string | undefined };

let memory: Transport;
let spy: Spy;
const workers: Worker[] = [];

beforeEach(() => {
  memory = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close({ deadlineMs: 0 })));
  await memory.close();
  spy.close();
});

function work(options: Partial<WorkerOptions<Data>> & Pick<WorkerOptions<Data>, 'handler'>): Worker {
  const worker = startWorker({ transport: memory, address: PING, contract: Ping, ...options });
  workers.push(worker);
  return worker;
}

async function publish(count: number): Promise<void> {
  const publisher = createPublisher({ transport: memory });
  const items = Array.from({ length: count }, (_, n) => ({ data: { n }, id: `id-${n}` }));
  const outcomes = await publisher.publishMany(Ping, items);
  expect(outcomes.every(({ status }) => status === 'accepted')).toBe(true);
}

const away = () => new TransportError('Unavailable', 'the carrier is away');
const emptied = () =>
  vi.waitFor(
    async () => expect(await memory.depth(PING)).toMatchObject({ ready: 0, inFlight: 0, delayed: 0 }),
    5_000,
  );

describe('a worker', () => {
  it.each([
    [{ concurrency: Number.NaN }, 'concurrency is NaN: expected a whole number from 1'],
    [{ concurrency: 0 }, 'concurrency is 0: expected a whole number from 1'],
    // It would ask for more without an end.
    [{ concurrency: Number.POSITIVE_INFINITY }, 'concurrency is Infinity: expected a whole number from 1'],
    [{ concurrency: 1.5 }, 'concurrency is 1.5: expected a whole number from 1'],
    [{ prefetch: -1 }, 'prefetch is -1: expected a whole number from 0'],
    [{ leaseMs: Number.NaN }, 'leaseMs is NaN: expected a number from 1'],
    [{ handlerTimeoutMs: 0 }, 'handlerTimeoutMs is 0: expected a number from 1'],
    [{ retry: { maxAttempts: Number.NaN } }, 'retry.maxAttempts is NaN: expected a number from 1'],
    [{ retry: { baseMs: -1 } }, 'retry.baseMs is -1: expected a number from 0'],
  ])('does not begin with %o', (options, message) => {
    expect(() => work({ handler: () => undefined, ...options })).toThrow(new RangeError(message));
  });

  it('handles every message once, several at a time, and settles', async () => {
    const handled: number[] = [];
    let atOnce = 0;
    let most = 0;
    work({
      concurrency: 25,
      handler: async ({ data }) => {
        most = Math.max(most, ++atOnce);
        await new Promise(setImmediate);
        atOnce--;
        handled.push(data.n);
      },
    });
    await publish(500);
    await emptied();
    expect(handled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThanOrEqual(25);
  });

  it('tries again what fails, gives up what cannot succeed, and says so', async () => {
    const attempts: number[] = [];
    work({
      retry: { baseMs: 5 },
      handler: async ({ data }, { attempt }) => {
        if (data.n === 1) throw new Reject('never');
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not yet');
      },
    });
    await publish(2);
    await spy.waitFor('handled', { id: 'id-0' });
    await spy.waitFor('dead_lettered', { id: 'id-1', code: 'rejected' });
    expect(attempts).toEqual([1, 2, 3]);
    expect(await memory.depth(PING)).toMatchObject({ dead: 1 });
    expect(spy.all('retried').map(({ id }) => id)).toEqual(['id-0', 'id-0']);
  });

  it('takes over from one that died without a word', async () => {
    await publish(1);
    // Received and never settled: what a killed process leaves behind.
    await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 50 });
    const attempts: number[] = [];
    work({
      handler: (_, { attempt }) => {
        attempts.push(attempt);
      },
    });
    await spy.waitFor('handled', { id: 'id-0' });
    expect(attempts).toEqual([2]);
  });

  it('keeps its lease while a handler is slow: nobody else gets the message', async () => {
    let runs = 0;
    const started = performance.now();
    const handler = async (): Promise<void> => {
      runs++;
      await vi.waitFor(() => expect(performance.now() - started).toBeGreaterThan(250), {
        timeout: 2_000,
        interval: 10,
      });
    };
    work({ leaseMs: 60, handler });
    work({ leaseMs: 60, handler });
    await publish(1);
    await spy.waitFor('handled', { id: 'id-0' });
    expect(runs).toBe(1);
    expect(spy.all('lease_lost')).toEqual([]);
  });

  it('extends leases in pieces the carrier takes', async () => {
    const pieces: number[] = [];
    const gate = Promise.withResolvers<void>();
    const small = faulty(memory, {
      limits: { ...memory.limits, settleEntries: 2 },
      extend: async (address, receipts, leaseMs) => {
        pieces.push(receipts.length);
        return memory.extend(address, receipts, leaseMs);
      },
    });
    work({ transport: small, leaseMs: 100, handler: () => gate.promise });
    await publish(5);
    await vi.waitFor(() => expect(pieces.length).toBeGreaterThan(5));
    expect(pieces.slice(0, 3)).toEqual([2, 2, 1]);
    expect(Math.max(...pieces)).toBe(2);
    gate.resolve();
    await emptied();
    expect(spy.all('lease_lost')).toEqual([]);
  });

  it('goes on by itself when the carrier comes back, and says both once', async () => {
    let down = false;
    const flaky = faulty(memory, {
      receive: async (address, options) => {
        if (down) throw away();
        return memory.receive(address, { ...options, waitMs: 10 });
      },
    });
    down = true;
    work({ transport: flaky, concurrency: 1, handler: () => undefined });
    await spy.waitFor('carrier_unavailable', { code: 'Unavailable' });
    await publish(1);
    down = false;
    await spy.waitFor('handled', { id: 'id-0' });
    expect(spy.all('carrier_unavailable')).toHaveLength(1);
    expect(spy.all('carrier_back')).toHaveLength(1);
  });

  it.each([
    ['a queue that was there and is gone', 'NotFound'],
    ['a right that was taken from it', 'Denied'],
    ['a key that another program has written over', 'Invalid'],
  ] as const)('waits for %s', async (_, code) => {
    let receives = 0;
    const recreated = faulty(memory, {
      receive: async (address, options) => {
        receives++;
        if (receives === 2) throw new TransportError(code, 'not as it was');
        return memory.receive(address, { ...options, waitMs: 1 });
      },
    });
    work({ transport: recreated, concurrency: 1, handler: () => undefined });
    await spy.waitFor('carrier_unavailable', { code });
    await publish(1);
    await spy.waitFor('handled', { id: 'id-0' });
  });

  it('settles again what the carrier did not take', async () => {
    let failures = 2;
    const flaky = faulty(memory, {
      settle: async (address, settlements) => {
        if (failures-- > 0) throw away();
        return memory.settle(address, settlements);
      },
    });
    let runs = 0;
    work({
      transport: flaky,
      handler: () => {
        runs++;
      },
    });
    await publish(1);
    await emptied();
    expect(runs).toBe(1);
  });

  it('says that a lease was lost when it settles too late', async () => {
    const late = faulty(memory, {
      settle: async (_, settlements) => settlements.map(() => new TransportError('LeaseLost', 'too late')),
    });
    work({ transport: late, handler: () => undefined });
    await publish(1);
    await spy.waitFor('lease_lost', { id: 'id-0' });
  });

  it('ends when it can never work, with the reason', async () => {
    const worker = work({ address: { topic: 'ping', subscription: 'nobody' }, handler: () => undefined });
    await expect(worker.ended).rejects.toMatchObject({ code: 'NotFound' });
    await worker.close();
  });
});

describe('closing a worker', () => {
  it('lets handlers finish and settles, and receives no more', async () => {
    let finish: (() => void) | undefined;
    const worker = work({
      concurrency: 1,
      handler: () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    });
    await publish(2);
    await vi.waitFor(() => expect(finish).toBeDefined());
    const closed = worker.close();
    finish?.();
    await closed;
    expect(await memory.depth(PING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('gives back what a poll under way brings', async () => {
    const polling = Promise.withResolvers<void>();
    const received = Promise.withResolvers<void>();
    const slow = faulty(memory, {
      receive: async (address, options) => {
        polling.resolve();
        await received.promise;
        return memory.receive(address, { ...options, waitMs: 0 });
      },
    });
    let calls = 0;
    const worker = work({ transport: slow, concurrency: 1, handler: () => void calls++ });
    await publish(1);
    await polling.promise;
    const closed = worker.close();
    received.resolve();
    await closed;
    expect(calls).toBe(0);
    expect(await memory.depth(PING)).toMatchObject({ ready: 1, inFlight: 0 });
    const [again] = await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    expect(again?.deliveries).toBe(1);
    expect(spy.all('released')).toMatchObject([{ id: 'id-0' }]);
  });

  it('cuts handlers short at the deadline, and their messages come back', async () => {
    let signal: AbortSignal | undefined;
    const worker = work({
      handler: (_, context) => {
        signal = context.signal;
        return new Promise(() => {});
      },
    });
    await publish(1);
    await vi.waitFor(() => expect(signal).toBeDefined());
    await worker.close({ deadlineMs: 10 });
    expect(signal?.aborted).toBe(true);
    expect(await memory.depth(PING)).toMatchObject({ ready: 1, inFlight: 0 });
  });

  it('waits without an end where it may, and not for a moment only', async () => {
    const gate = Promise.withResolvers<void>();
    let signal: AbortSignal | undefined;
    const worker = work({
      handler: (_, context) => {
        signal = context.signal;
        return gate.promise;
      },
    });
    await publish(1);
    await vi.waitFor(() => expect(signal).toBeDefined());
    const closed = worker.close({ deadlineMs: Number.POSITIVE_INFINITY });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(signal?.aborted).toBe(false);
    gate.resolve();
    await closed;
    expect(await memory.depth(PING)).toMatchObject({ ready: 0, inFlight: 0 });
  });

  it('does not wait for a long poll beyond its deadline', async () => {
    const worker = work({ handler: () => undefined });
    const asked = performance.now();
    await worker.close({ deadlineMs: 20 });
    expect(performance.now() - asked).toBeLessThan(2_000);
  });
});
