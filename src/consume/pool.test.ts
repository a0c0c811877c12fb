import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Incoming, SettleOutcome, Transport } from '../transport/transport.ts';
import { createPool, type PoolOptions } from './pool.ts';
import type { Sink } from './processor.ts';
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

async function publish(count: number, from = 0): Promise<void> {
  const publisher = createPublisher({ transport: memory });
  const items = Array.from({ length: count }, (_, n) => ({ data: { n: from + n }, id: `id-${from + n}` }));
  await publisher.publishMany(Ping, items);
}

/** A handler whose messages end when they are told to. */
function gate() {
  const open = new Map<number, () => void>();
  return {
    open,
    handler: ({ data }: { data: Data }) => new Promise<void>((resolve) => void open.set(data.n, resolve)),
    end(n: number): void {
      open.get(n)?.();
      open.delete(n);
    },
  };
}

describe('the pool of a worker', () => {
  it('does not wait for the slowest: one stuck handler leaves the other slots at work', async () => {
    const handled: number[] = [];
    const stuck = Promise.withResolvers<void>();
    work({
      concurrency: 4,
      handler: async ({ data }) => {
        if (data.n === 0) await stuck.promise;
        handled.push(data.n);
      },
    });
    await publish(200);
    await vi.waitFor(() => expect(handled).toHaveLength(199), 5_000);
    await vi.waitFor(async () => expect(await memory.depth(PING)).toMatchObject({ ready: 0, inFlight: 1 }));
    stuck.resolve();
    await spy.waitFor('handled', { id: 'id-0' });
  });

  it('fills a slot as soon as it is free, and never more than there are', async () => {
    const { open, handler, end } = gate();
    work({ concurrency: 2, prefetch: 0, handler });
    await publish(4);
    await vi.waitFor(() => expect([...open.keys()]).toEqual([0, 1]));
    end(1);
    await vi.waitFor(() => expect([...open.keys()]).toEqual([0, 2]));
    end(2);
    await vi.waitFor(() => expect([...open.keys()]).toEqual([0, 3]));
    expect(await memory.depth(PING)).toMatchObject({ ready: 0 });
  });

  it('settles in full batches where much ends, though handlers take their own time', async () => {
    const settled: number[] = [];
    const received: number[] = [];
    const tens = faulty(memory, {
      limits: { ...memory.limits, settleEntries: 10, receiveEntries: 10 },
      capabilities: new Set(),
      receive: async (address, options) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        const messages = await memory.receive(address, { ...options, waitMs: 50 });
        if (messages.length > 0) received.push(messages.length);
        return messages;
      },
      settle: async (address, settlements) => {
        settled.push(settlements.length);
        return memory.settle(address, settlements);
      },
    });
    await publish(1_000);
    work({
      transport: tens,
      concurrency: 20,
      handler: async ({ data }) => {
        await new Promise((resolve) => setTimeout(resolve, (data.n * 7) % 13));
      },
    });
    await vi.waitFor(() => expect(settled.reduce((sum, count) => sum + count, 0)).toBe(1_000), 10_000);
    // 200 would be the least.
    expect(settled.length + received.length).toBeLessThan(260);
  });

  it('settles at once what ends last', async () => {
    let settledAt = 0;
    const { handler, end, open } = gate();
    work({
      transport: faulty(memory, {
        capabilities: new Set(),
        settle: async (address, settlements) => {
          settledAt = performance.now();
          return memory.settle(address, settlements);
        },
      }),
      handler,
    });
    await publish(1);
    await vi.waitFor(() => expect(open.size).toBe(1));
    const endedAt = performance.now();
    end(0);
    await vi.waitFor(() => expect(settledAt).toBeGreaterThan(0), { interval: 1 });
    expect(settledAt - endedAt).toBeLessThan(15);
  });

  it('does not fetch ahead while handlers are slow', async () => {
    const { open, handler } = gate();
    work({ concurrency: 2, prefetch: 10, handler });
    await publish(10);
    await vi.waitFor(() => expect(open.size).toBe(2));
    await new Promise(setImmediate);
    expect(await memory.depth(PING)).toMatchObject({ ready: 8, inFlight: 2 });
  });

  it('gives back what has waited at hand for half its lease, for others to take', async () => {
    const { open, handler, end } = gate();
    let quick = true;
    const worker = work({
      concurrency: 1,
      prefetch: 5,
      leaseMs: 200,
      handler: (message) => (quick ? undefined : handler(message)),
    });
    await publish(50);
    await spy.waitFor('handled', { id: 'id-49' });
    quick = false;
    await publish(4, 100);
    await spy.waitFor('released', { id: 'id-103' });
    expect(open.size).toBe(1);
    const [one] = await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 10_000 });
    // Counted as never delivered.
    expect(one?.deliveries).toBe(1);
    end(100);
    const closed = worker.close({ deadlineMs: 0 });
    await closed;
  });

  it('runs alone, after all else is settled, what was delivered too often, and keeps its lease meanwhile', async () => {
    await publish(3);
    for (let times = 0; times < 3; times++) {
      const [first] = await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 5_000 });
      if (first !== undefined) {
        await memory.settle(PING, [{ receipt: first.receipt, action: 'retry', delayMs: 0 }]);
      }
      // Round the queue: the same one comes first again after the two others.
      const others = await memory.receive(PING, { max: 2, waitMs: 0, leaseMs: 5_000 });
      await memory.settle(
        PING,
        others.map(({ receipt }) => ({ receipt, action: 'release' }) as const),
      );
    }
    const order: string[] = [];
    let settled = 0;
    const { handler, open, end } = gate();
    work({
      concurrency: 3,
      leaseMs: 120,
      retry: { maxAttempts: 2 },
      transport: faulty(memory, {
        settle: async (address, settlements) => {
          const outcomes = await memory.settle(address, settlements);
          settled += settlements.length;
          return outcomes;
        },
      }),
      handler: (message, { attempt }) => {
        order.push(`${message.data.n}: attempt ${attempt}, ${settled} settled, ${open.size} at work`);
        return handler(message);
      },
    });
    await vi.waitFor(() => expect(open.size).toBe(2));
    const begun = performance.now();
    await vi.waitFor(() => expect(performance.now() - begun).toBeGreaterThan(300));
    expect(order).toHaveLength(2);
    end(1);
    end(2);
    await vi.waitFor(() => expect(open.size).toBe(1));
    end(0);
    await spy.waitFor('handled', { id: 'id-0' });
    expect(order.at(-1)).toBe('0: attempt 4, 2 settled, 0 at work');
    expect(spy.all('lease_lost')).toEqual([]);
  });

  it('says how it is', async () => {
    const { open, handler, end } = gate();
    const worker = work({ handler });
    await publish(1);
    await vi.waitFor(() => expect(open.size).toBe(1));
    expect(worker.health()).toEqual({ address: PING, draining: false, reached: true, atWork: 1 });
    const closed = worker.close();
    expect(worker.health()).toMatchObject({ draining: true, atWork: 1 });
    end(0);
    await closed;
    expect(worker.health()).toMatchObject({ draining: true, atWork: 0 });
  });
});

describe('a pool', () => {
  const incoming = (id: string, leaseMs = 1_000): Incoming => ({
    ...{ id, body: '', headers: {}, deliveries: 1, enqueuedAt: 0, receipt: {} },
    leaseUntil: performance.now() + leaseMs,
  });

  /** One slot, and a processor that only notes what it begins. */
  function poolOf(begin: (id: string, sink: Sink) => void, options: Partial<PoolOptions> = {}) {
    return createPool({
      processor: {
        begin: ({ id }, sink) => begin(id, sink),
        process: async () => [],
        isolate: () => [],
      },
      ...{ concurrency: 1, prefetch: 10, maxAttempts: 3, ordered: false, leaseMs: 1_000 },
      onEnded: () => undefined,
      allSettled: () => true,
      onStale: () => undefined,
      settled: async () => true,
      extend: async (all) => all.map(() => 'settled'),
      ...options,
    });
  }

  it('does not begin what is so near the end of its lease that it may be over', () => {
    const begun: string[] = [];
    const pool = poolOf((id) => begun.push(id), { concurrency: 10 });
    onTestFinished(() => void pool.stop());
    pool.add([incoming('good'), incoming('near', 40), incoming('over', -1)]);
    expect(begun).toEqual(['good']);
    expect(pool.waiting).toBe(0);
  });

  it('draws who runs alone next', async () => {
    const many = Array.from(
      { length: 20 },
      (_, n): Incoming => ({
        ...incoming(`m-${n}`, 60_000),
        deliveries: 4,
      }),
    );
    const firsts = new Set<string>();
    for (let processes = 0; processes < 40; processes++) {
      const begun: string[] = [];
      const pool = poolOf((id) => begun.push(id));
      onTestFinished(() => void pool.stop());
      pool.add(many);
      await vi.waitFor(() => expect(begun).toHaveLength(1));
      firsts.add(begun[0] ?? '');
    }
    // One that ends its process does not keep the same others from being handled, again and again.
    expect(firsts.size).toBeGreaterThan(5);
  });

  it('leases who runs alone for longer than the others, longer each time', async () => {
    const suspects = [4, 6].map((deliveries): Incoming => ({ ...incoming(`m-${deliveries}`), deliveries }));
    const extended = new Map<string, number>();
    const pool = poolOf((id, sink) => sink.end({ id, receipt: {}, action: 'ack' }, 0), {
      extend: async ([one], ms) => {
        extended.set(one?.id ?? '', ms);
        return ['settled'];
      },
    });
    onTestFinished(() => void pool.stop());
    // The last one has nobody left to be kept apart from.
    while (extended.size < 2) {
      pool.add(suspects);
      await vi.waitFor(() => expect(pool.waiting + pool.atWork).toBe(0));
    }
    expect(extended).toEqual(
      new Map([
        ['m-4', 2_000],
        ['m-6', 8_000],
      ]),
    );
  });

  it('gives back who was to run alone, when it was lost or nothing is to begin any more', async () => {
    const begun: string[] = [];
    const given: string[] = [];
    let answer: (outcomes: SettleOutcome[]) => void = () => undefined;
    const pool = poolOf(
      (id, sink) => {
        begun.push(id);
        sink.end({ id, receipt: {}, action: 'ack' }, 0);
      },
      {
        extend: () => new Promise((resolve) => (answer = resolve)),
        onStale: (deliveries) => given.push(...deliveries.map(({ id }) => id)),
      },
    );
    const suspects = ['a', 'b', 'c'].map((id): Incoming => ({ ...incoming(id), deliveries: 4 }));
    pool.add(suspects);
    expect(pool.atWork).toBe(1);
    answer([new TransportError('LeaseLost', 'it is somebody else’s')]);
    await vi.waitFor(() => expect(given).toHaveLength(1));
    expect(pool.atWork).toBe(1);
    const back = pool.stop().map(({ id }) => id);
    answer(['settled']);
    await vi.waitFor(() => expect(given).toHaveLength(2));
    expect(pool.atWork).toBe(0);
    expect(begun).toEqual([]);
    expect([...given, ...back].toSorted()).toEqual(['a', 'b', 'c']);
  });

  /** Suspects that came together on an ordered topic; tells of each whether it was to be handled or held back. */
  function inKeys(outcomes: readonly SettleOutcome[], deliveries: readonly Incoming[]) {
    const told: string[] = [];
    const answers = [...outcomes];
    const pool = poolOf(() => expect.unreachable(), {
      ordered: true,
      processor: {
        begin: () => expect.unreachable(),
        isolate: (all) => all.map((one) => [one]),
        async process([one], { sentBack } = {}) {
          told.push(`${one?.id} ${sentBack?.has(one?.key ?? '') ? 'held back' : 'handled'}`);
          return [];
        },
      },
      extend: async (all) => all.map(() => answers.shift() ?? 'settled'),
      onStale: (given) => told.push(...given.map(({ id }) => `${id} given back`)),
    });
    onTestFinished(() => void pool.stop());
    pool.add(deliveries);
    return told;
  }
  const suspect = (id: string, leaseMs?: number): Incoming => ({
    ...incoming(id, leaseMs),
    key: id.slice(0, 1),
    deliveries: 4,
  });

  it('holds back a key whose first could not be leased apart', async () => {
    const away = new TransportError('Unavailable', 'away');
    const told = inKeys([away], [suspect('a1'), suspect('a2'), suspect('b1')]);
    await vi.waitFor(() => expect(told).toEqual(['a1 given back', 'a2 held back', 'b1 handled']));
  });

  it('holds back a key whose first is somebody else’s by now', async () => {
    const told = inKeys([], [suspect('a1', -1), suspect('a2'), suspect('b1')]);
    await vi.waitFor(() => expect(told).toEqual(['a2 held back', 'b1 handled']));
  });

  it('knows whose lease was not extended, though another has begun meanwhile', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const sinks = new Map<string, Sink>();
    const answers: ((outcomes: SettleOutcome[]) => void)[] = [];
    const pool = poolOf((id, sink) => sinks.set(id, sink), {
      ordered: true,
      processor: {
        begin: ({ id }, sink) => sinks.set(id, sink),
        process: async () => [],
        isolate: (all) => all.map((one) => [one]),
      },
      // Who is to run apart is leased for longer than those that wait.
      extend: (_, ms) =>
        ms > 1_000
          ? Promise.resolve(['settled'])
          : new Promise((resolve) => {
              answers.push(resolve);
            }),
    });
    const end = (id: string) => sinks.get(id)?.end({ id, receipt: {}, action: 'ack' }, 0);
    pool.add(['a', 'b', 'c'].map((id): Incoming => ({ ...incoming(id, 600), deliveries: 4 })));
    await vi.advanceTimersByTimeAsync(300);
    expect(answers).toHaveLength(1);
    end('a');
    await vi.advanceTimersByTimeAsync(1);
    expect([...sinks.keys()]).toEqual(['a', 'b']);
    answers[0]?.(['settled', new TransportError('LeaseLost', 'it is somebody else’s')]);
    await vi.advanceTimersByTimeAsync(400);
    end('b');
    await vi.advanceTimersByTimeAsync(1);
    pool.stop();
    expect([...sinks.keys()]).toEqual(['a', 'b']);
  });

  it('goes on when a slot is free, also after something it called has thrown', () => {
    const sinks = new Map<string, Sink>();
    let broken = false;
    const pool = poolOf(
      (id, sink) => {
        if (broken) throw new Error('a listener');
        sinks.set(id, sink);
      },
      { concurrency: 2 },
    );
    onTestFinished(() => void pool.stop());
    pool.add([incoming('a')]);
    broken = true;
    expect(() => pool.add([incoming('b'), incoming('c')])).toThrow('a listener');
    broken = false;
    sinks.get('a')?.end({ id: 'a', receipt: {}, action: 'ack' }, 0);
    expect([...sinks.keys()]).toEqual(['a', 'c']);
  });
});
