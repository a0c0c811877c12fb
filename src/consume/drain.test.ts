import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping } from '../../test/support/ping.ts';
import { startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import { openRedisTransport } from '../transport/open-redis.ts';
import type { Transport } from '../transport/transport.ts';
import { createDrain, InvalidDrainEvent } from './drain.ts';
import { type Handler, Reject } from './handler.ts';
import { lambdaDrain } from './lambda-drain.ts';

type Data = { n: number; note?: string | undefined };

const config = (handlerTimeoutMs = 1_000, partitions = 1) =>
  defineConfig({
    prefix: 'test',
    topics: [
      topic(Ping, {
        test: {
          loadHandler: async () => ({ default: () => undefined }),
          handlerTimeoutMs,
          lambda: { entry: 'x.ts', partitions },
        },
      }),
    ],
  });

let memory: Transport;
let spy: Spy;
beforeEach(() => {
  memory = createMemoryTransport(config());
  spy = createSpy();
});
afterEach(async () => {
  await memory.close();
  spy.close();
});

const nothing = { received: 0, handled: 0, retried: 0, deadLettered: 0, released: 0 };

function drain(handler: Handler<Data>, transport = memory, handlerTimeoutMs?: number) {
  const found = findSubscription(config(handlerTimeoutMs), 'ping');
  return createDrain({ found, handler, openTransport: async () => transport });
}

/** An invocation that has so many ms. */
function context(ms = 30_000) {
  const until = performance.now() + ms;
  return { getRemainingTimeInMillis: () => Math.max(0, until - performance.now()) };
}

async function publish(count: number): Promise<void> {
  const items = Array.from({ length: count }, (_, n) => ({ data: { n }, id: `id-${n}` }));
  await createPublisher({ transport: memory }).publishMany(Ping, items);
}

describe('a drain', () => {
  it('works until nothing is ready, and says what it did', async () => {
    await publish(200);
    const invoke = drain(async ({ data }) => {
      if (data.n === 7) throw new Reject('never');
      if (data.n < 3) throw new Error('not yet');
    });
    const { remainingMs, ...counts } = await invoke({}, context());
    expect(counts.handled + counts.deadLettered).toBeGreaterThanOrEqual(197);
    expect(counts).toMatchObject({ deadLettered: 1, released: 0 });
    expect(counts.retried).toBeGreaterThanOrEqual(3);
    expect(counts.received).toBe(counts.handled + counts.retried + counts.deadLettered);
    expect(remainingMs).toBeGreaterThan(25_000);
    expect(await memory.depth(PING)).toMatchObject({ ready: 0, inFlight: 0, dead: 1 });
  });

  it('tells what it leaves, and how old the oldest was that it received', async () => {
    await publish(3);
    const published = Date.now();
    await vi.waitUntil(() => Date.now() - published > 20);
    const invoke = drain(({ data }) => {
      if (data.n === 1) throw new Reject('never');
    });
    await invoke({}, context());
    const drained = await spy.waitFor('drained', { ...PING });
    expect(drained).toMatchObject({ ready: 0, inFlight: 0, dead: 1 });
    expect(drained.oldestMs).toBeGreaterThanOrEqual(20);
    const handled = await spy.waitFor('handled', { ...PING });
    expect(handled.endToEndMs).toBeGreaterThanOrEqual(20);
    await invoke({}, context());
    expect(spy.all('drained')).toMatchObject([{}, { oldestMs: 0 }]);
  });

  it('finds nothing, and says so at once', async () => {
    expect(await drain(() => undefined)({}, context())).toMatchObject(nothing);
  });

  it('takes what another one abandoned', async () => {
    await publish(3);
    await memory.receive(PING, { max: 3, waitMs: 0, leaseMs: 30 });
    const attempts: number[] = [];
    const invoke = drain((_, { attempt }) => void attempts.push(attempt));
    await vi.waitFor(async () => {
      await invoke({}, context());
      expect(attempts).toEqual([2, 2, 2]);
    });
  });

  it('overlaps with others without doing anything twice', async () => {
    await publish(500);
    const handled: number[] = [];
    const invoke = drain(async ({ data }) => {
      await new Promise(setImmediate);
      handled.push(data.n);
    });
    const results = await Promise.all([invoke({}, context()), invoke({}, context()), invoke({}, context())]);
    expect(handled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 500 }, (_, n) => n));
    expect(results.reduce((sum, { handled }) => sum + handled, 0)).toBe(500);
  });

  it('begins nothing that might not end in time, and gives it back', async () => {
    await publish(300);
    let begun = 0;
    let ended = 0;
    const invoke = drain(
      async () => {
        begun++;
        await new Promise((resolve) => setTimeout(resolve, 100));
        ended++;
      },
      memory,
      500,
    );
    const { remainingMs, ...counts } = await invoke({}, context(2_000));
    expect(ended).toBe(begun);
    expect(counts.handled).toBe(ended);
    expect(begun).toBeLessThan(300);
    expect(remainingMs).toBeGreaterThan(800);
    expect(await memory.depth(PING)).toMatchObject({ ready: 300 - begun, inFlight: 0 });
  });

  it('cuts short what does not end, in time to have it tried again', async () => {
    await publish(1);
    let signal: AbortSignal | undefined;
    const invoke = drain((_, context) => {
      signal = context.signal;
      return new Promise(() => {});
    });
    const counts = await invoke({}, context(1_200));
    expect(signal?.aborted).toBe(true);
    expect(counts).toMatchObject({ received: 1, retried: 1, handled: 0 });
    expect(counts.remainingMs).toBeGreaterThan(500);
    expect(await memory.depth(PING)).toMatchObject({ ready: 1, inFlight: 0 });
  });

  it('fails when the carrier is away, and opens it anew where it could not be opened', async () => {
    const away = () => Promise.reject(new TransportError('Unavailable', 'away'));
    await expect(drain(() => undefined, faulty(memory, { receive: away }))({}, context())).rejects.toThrow(
      'away',
    );
    let opens = 0;
    const invoke = createDrain({
      found: findSubscription(config(), 'ping'),
      handler: () => undefined,
      openTransport: () => (++opens === 1 ? away() : Promise.resolve(memory)),
    });
    await expect(invoke({}, context())).rejects.toThrow('away');
    expect(await invoke({}, context())).toMatchObject(nothing);
    await invoke({}, context());
    expect(opens).toBe(2);
  });

  it('asks once more when what it kept open since its last invocation has died', async () => {
    await publish(3);
    let failures = 0;
    const dying = faulty(memory, {
      receive: (address, options) =>
        failures-- > 0
          ? Promise.reject(new TransportError('Unavailable', 'closed'))
          : memory.receive(address, options),
    });
    const invoke = drain(() => undefined, dying);
    // What has only just been opened has not died.
    failures = 1;
    await expect(invoke({}, context())).rejects.toThrow('closed');
    failures = 2;
    await expect(invoke({}, context())).rejects.toThrow('closed');
    failures = 1;
    expect(await invoke({}, context())).toMatchObject({ received: 3, handled: 3 });
  });

  it('fails when there is nothing to drain', async () => {
    const strange = createMemoryTransport({ prefix: 'test', topics: [] });
    await expect(drain(() => undefined, strange)({}, context())).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('receives under a name that tells its partition', async () => {
    const found = findSubscription(config(1_000, 2), 'ping');
    const invoke = createDrain({ found, handler: () => undefined, openTransport: async () => memory });
    expect(await invoke({ partition: 1 }, context())).toMatchObject({ partition: 1, ...nothing });
    expect(await invoke({ time: 'of a schedule' }, context())).not.toHaveProperty('partition');
    expect(await invoke(null, context())).toMatchObject(nothing);
    const names = (await memory.consumers?.(PING))?.map(({ name }) => name);
    expect(names).toEqual([expect.stringMatching(/^partition-1-/), ...Array(2).fill(expect.any(String))]);
    expect(names?.filter((name) => name.startsWith('partition-'))).toHaveLength(1);
  });

  it.each([
    [
      { partition: 2 },
      /^partition is 2: expected a whole number from 0 to 1, for ping\/test has 2 in its config/,
    ],
    [{ partition: -1 }, /^partition is -1/],
    [{ partition: 0.5 }, /^partition is 0.5/],
    [{ partition: '0' }, /^partition is "0"/],
    [{ partition: null }, /^partition is null/],
    ['partition 0', /^the event is "partition 0": expected an object, as \{"partition": 0\} or \{\}$/],
  ])('refuses %j before it opens anything', async (event, message) => {
    const openTransport = vi.fn();
    const found = findSubscription(config(1_000, 2), 'ping');
    const refused = createDrain({ found, handler: () => undefined, openTransport })(event, context());
    await expect(refused).rejects.toThrow(InvalidDrainEvent);
    await expect(refused).rejects.toThrow(message);
    expect(openTransport).not.toHaveBeenCalled();
  });

  it('is a Lambda function that takes its server from the environment, and only Redis', async () => {
    const handler = lambdaDrain<Data>(config(), 'ping/test', () => undefined);
    vi.stubEnv('TRANSPORT_URL', 'sqs://eu-west-1');
    await expect(handler({}, context())).rejects.toThrow(/^sqs: is not Redis: expected redis:/);
    vi.stubEnv('TRANSPORT_URL', 'redis://127.0.0.1:1');
    await expect(handler({}, context())).rejects.toMatchObject({ code: 'Unavailable' });
    vi.unstubAllEnvs();
  });
});

describe.skipIf(WITHOUT_REDIS)('drains on Redis', () => {
  it('create what the config names, and publishers find it from then on', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    vi.stubEnv('TRANSPORT_URL', server.url);
    onTestFinished(() => void vi.unstubAllEnvs());
    const handled: number[] = [];
    const invoke = lambdaDrain<Data>(config(), 'ping', ({ data }) => void handled.push(data.n));
    await invoke({}, context());
    const transport = await openRedisTransport(server.url, config());
    onTestFinished(() => transport.close());
    await createPublisher({ transport }).publish(Ping, { n: 1 });
    await invoke({}, context());
    expect(handled).toEqual([1]);
  });

  it('share what there is: partitions at once, and the next round before the last has ended', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    // Each in an environment of its own, as in Lambda: partitions 0, 1, 2, and again 0, 1, 2.
    const transports = await Promise.all(
      Array.from({ length: 6 }, () => openRedisTransport(server.url, config())),
    );
    onTestFinished(async () => {
      await Promise.all(transports.map((transport) => transport.close()));
    });
    const publisher = createPublisher({ transport: transports[0] ?? memory });
    await transports[0]?.provision();
    const items = Array.from({ length: 3_000 }, (_, n) => ({ data: { n }, id: `id-${n}` }));
    await publisher.publishMany(Ping, items);

    const handled: number[] = [];
    const found = findSubscription(config(1_000, 3), 'ping');
    const results = await Promise.all(
      transports.map((transport, index) => {
        const handler: Handler<Data> = async ({ data }) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          handled.push(data.n);
        };
        const invoke = createDrain({ found, handler, openTransport: async () => transport });
        return invoke({ partition: index % 3 }, context());
      }),
    );
    expect(handled.toSorted((a, b) => a - b)).toEqual(items.map(({ data }) => data.n));
    const counts = results.map(({ handled }) => handled);
    expect(counts.reduce((sum, count) => sum + count)).toBe(3_000);
    // Nobody has it all, and nobody nothing.
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(results.map(({ partition }) => partition)).toEqual([0, 1, 2, 0, 1, 2]);
    expect(results).toMatchObject(counts.map((received) => ({ received, retried: 0, released: 0 })));
  });
});
