import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { openRedis } from '../../test/support/redis-transport.ts';
import { startEmbeddedMetrics } from '../observe/embedded-metrics.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { startHealthServer } from '../operate/health.ts';
import { type ErrorCode, TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Outgoing, SendOutcome, Transport } from '../transport/transport.ts';
import { createPublisher } from './publisher.ts';
import { withBreaker } from './with-breaker.ts';

let memory: Transport;
let spy: Spy;
beforeEach(() => {
  memory = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  vi.useRealTimers();
  await memory.close();
  spy.close();
});

const message: Outgoing = { id: 'm-1', body: '{}', headers: {} };

/** In memory; as long as `fails` says, nothing is sent. */
function given(options = {}) {
  const carrier = {
    sends: 0,
    fails: undefined as ErrorCode | undefined,
    asOutcome: false,
    hold: undefined as Promise<unknown> | undefined,
  };
  const failing = faulty(memory, {
    async send(topic, messages, signal): Promise<SendOutcome[]> {
      carrier.sends++;
      await carrier.hold;
      if (carrier.fails === undefined) return memory.send(topic, messages, signal);
      const error = new TransportError(carrier.fails, 'the carrier is away');
      if (carrier.asOutcome) return messages.map(() => ({ error }));
      throw error;
    },
  });
  const transport = withBreaker(failing, { failures: 3, openMs: 1_000, ...options });
  return { carrier, transport, send: () => transport.send('ping', [message]) };
}

describe('a breaker', () => {
  it.each([false, true])(
    'opens after failures in a row, and spares the carrier (outcomes: %s)',
    async (asOutcome) => {
      const { carrier, transport, send } = given();
      carrier.fails = 'Unavailable';
      carrier.asOutcome = asOutcome;
      for (let n = 0; n < 3; n++) await send().catch(() => undefined);
      expect(transport.breakers()).toEqual([{ topic: 'ping', state: 'open' }]);
      await expect(send()).rejects.toMatchObject({
        code: 'Unavailable',
        retryable: true,
        message:
          'memory is not asked to carry ping now, after 3 failures in a row: the carrier is away; it is tried again within 1000 ms',
      });
      expect(carrier.sends).toBe(3);
      expect(spy.all('breaker_opened')).toEqual([
        {
          event: 'breaker_opened',
          transport: 'memory',
          topic: 'ping',
          code: 'Unavailable',
          error: 'the carrier is away',
        },
      ]);
    },
  );

  it('tries one send when its time is over, and closes or opens by that', async () => {
    const { carrier, transport, send } = given();
    carrier.fails = 'Throttled';
    for (let n = 0; n < 3; n++) await send().catch(() => undefined);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 1_001 });
    await expect(send()).rejects.toMatchObject({ code: 'Throttled' });
    expect([carrier.sends, transport.breakers()[0]?.state]).toEqual([4, 'open']);

    vi.setSystemTime(Date.now() + 1_001);
    carrier.fails = undefined;
    const held = Promise.withResolvers<void>();
    carrier.hold = held.promise;
    const sends = [send(), send(), send()];
    await spy.waitFor('breaker_half_opened', { topic: 'ping' });
    expect([carrier.sends, transport.breakers()[0]?.state]).toEqual([5, 'half-open']);
    held.resolve();
    expect(await Promise.all(sends)).toEqual([['accepted'], ['accepted'], ['accepted']]);
    expect(transport.breakers()[0]?.state).toBe('closed');
    await spy.waitFor('breaker_closed', { topic: 'ping' });
  });

  it('is not opened by what would fail again, nor by a part of a send', async () => {
    const { carrier, transport, send } = given({ failures: 1 });
    carrier.fails = 'NotFound';
    for (let n = 0; n < 3; n++) await expect(send()).rejects.toMatchObject({ code: 'NotFound' });
    expect(transport.breakers()).toEqual([{ topic: 'ping', state: 'closed' }]);
    const error = new TransportError('Unavailable', 'one');
    const partly = withBreaker(faulty(memory, { send: async () => ['accepted', { error }] }), {
      failures: 1,
    });
    await partly.send('ping', [message, message]);
    expect(partly.breakers()[0]?.state).toBe('closed');
  });

  it('is of one topic', async () => {
    const { carrier, transport, send } = given({ failures: 1 });
    carrier.fails = 'Unavailable';
    await send().catch(() => undefined);
    carrier.fails = undefined;
    await transport.send('other', [message]).catch(() => undefined);
    expect(transport.breakers()).toEqual([
      { topic: 'ping', state: 'open' },
      { topic: 'other', state: 'closed' },
    ]);
  });

  it('leaves a publisher to try again: what is published is accepted once the carrier is back', async () => {
    const { carrier, transport } = given({ failures: 2, openMs: 300 });
    carrier.fails = 'Unavailable';
    const publisher = createPublisher({ transport });
    const publishing = Promise.all([1, 2, 3].map((n) => publisher.publish(Ping, { n })));
    await spy.waitFor('breaker_opened', { topic: 'ping' });
    carrier.fails = undefined;
    await publishing;
    expect(await memory.depth(PING)).toMatchObject({ ready: 3 });
    await spy.waitFor('breaker_closed', { topic: 'ping' });
  });

  it('makes its program unready while it is open, and is counted', async () => {
    const lines: string[] = [];
    const metrics = startEmbeddedMetrics({ prefix: 'test', write: (line) => lines.push(line) });
    onTestFinished(() => metrics.stop());
    const { carrier, transport, send } = given({ failures: 1, openMs: 50 });
    const server = await startHealthServer({
      port: 0,
      host: '127.0.0.1',
      health: () => [],
      breakers: transport.breakers,
    });
    onTestFinished(() => server.close());
    const ready = async () => {
      const response = await fetch(`http://127.0.0.1:${server.port}/readyz`);
      return { code: response.status, ...Object(await response.json()) };
    };
    await send();
    expect(await ready()).toMatchObject({ code: 200, status: 'ready', breakers: [{ state: 'closed' }] });
    carrier.fails = 'Unavailable';
    await send().catch(() => undefined);
    expect(await ready()).toMatchObject({
      code: 503,
      status: 'unreached',
      breakers: [{ topic: 'ping', state: 'open' }],
    });
    metrics.flush();
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ topic: 'ping', breakers_opened: 1 }]);
  });
});

it.skipIf(WITHOUT_REDIS)(
  'a breaker loses nothing while Redis is killed and comes back',
  async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const redis = openRedis(server.options, topologyOf('ping', 'test'));
    await redis.provision();
    const transport = withBreaker(redis, { failures: 2, openMs: 500 });
    const publisher = createPublisher({ transport });
    const ids = [(await publisher.publish(Ping, { n: 0 })).id];
    await server.kill();
    const publishing = Array.from({ length: 20 }, (_, n) => publisher.publish(Ping, { n: n + 1 }));
    await spy.waitFor('breaker_opened', { topic: 'ping' }, 20_000);
    await server.start();
    ids.push(...(await Promise.all(publishing)).map(({ id }) => id));
    await spy.waitFor('breaker_closed', { topic: 'ping' }, 20_000);
    const received = await redis.receive(PING, { max: 100, waitMs: 1_000, leaseMs: 10_000 });
    expect(new Set(received.map(({ id }) => id))).toEqual(new Set(ids));
  },
  60_000,
);
