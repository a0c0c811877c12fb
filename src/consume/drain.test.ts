import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping } from '../../test/support/ping.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { createDrain } from './drain.ts';
import { type Handler, Reject } from './handler.ts';
import { lambdaDrain } from './lambda-drain.ts';

type Data = { n: number; note?: string | undefined };

const config = (handlerTimeoutMs = 1_000) =>
  defineConfig({
    prefix: 'test',
    topics: [
      topic(Ping, {
        test: {
          loadHandler: async () => ({ default: () => undefined }),
          handlerTimeoutMs,
          lambda: { entry: 'x.ts' },
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

  it('fails when there is nothing to drain', async () => {
    const strange = createMemoryTransport({ prefix: 'test', topics: [] });
    await expect(drain(() => undefined, strange)({}, context())).rejects.toMatchObject({ code: 'NotFound' });
  });

  it('is a Lambda function that takes its carrier from the environment', async () => {
    vi.stubEnv('TRANSPORT_URL', 'memory:');
    const handler = lambdaDrain<Data>(config(), 'ping/test', () => undefined);
    expect(await handler({}, context())).toMatchObject(nothing);
    vi.unstubAllEnvs();
  });
});
