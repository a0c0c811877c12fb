import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { Ping } from '../../test/support/ping.ts';
import { defineConfig, subscriptionsOf, topic } from '../config/define-config.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { startHealthServer } from '../operate/health.ts';
import { createPublisher } from '../publish/publisher.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { startWorkers } from './workers.ts';

const seen: string[] = [];
let hold: Promise<void> | undefined;

const subscription = (name: string) => ({
  loadHandler: async () => ({
    default: async ({ data }: { data: { n: number } }) => {
      seen.push(`${name} ${data.n}`);
      await hold;
    },
  }),
  lambda: { entry: 'x.ts' },
});
const config = defineConfig({
  topics: [topic(Ping, { mail: subscription('mail'), stock: subscription('stock') })],
});
const subscriptions = subscriptionsOf(config);

let memory: Transport;
let spy: Spy;
beforeEach(() => {
  seen.length = 0;
  hold = undefined;
  memory = createMemoryTransport(config);
  spy = createSpy();
});
afterEach(async () => {
  await memory.close();
  spy.close();
});

describe('workers of several subscriptions', () => {
  it('share a process, and end together', async () => {
    const workers = await startWorkers({ transport: memory, subscriptions, concurrency: 2, prefetch: 0 });
    await createPublisher({ transport: memory }).publish(Ping, { n: 1 });
    await spy.waitFor('handled', { subscription: 'mail' });
    await spy.waitFor('handled', { subscription: 'stock' });
    expect(seen.toSorted()).toEqual(['mail 1', 'stock 1']);
    await workers.close({ deadlineMs: 0 });
    await workers.ended;
  });

  it('end all when one cannot begin', async () => {
    const strange = faulty(memory, {
      receive: async (address, options) => {
        if (address.subscription === 'stock') throw new TransportError('Denied', 'not this one');
        return memory.receive(address, { ...options, waitMs: 10 });
      },
    });
    const workers = await startWorkers({ transport: strange, subscriptions });
    await expect(workers.ended).rejects.toMatchObject({ code: 'Denied' });
    expect(workers.health()).toMatchObject([{ draining: true }, { draining: true }]);
  });

  it('receive nothing when a handler cannot be loaded', async () => {
    const broken = subscriptions.map((found) => ({
      ...found,
      subscription: { ...found.subscription, loadHandler: () => Promise.reject(new Error('no such module')) },
    }));
    await expect(startWorkers({ transport: memory, subscriptions: broken })).rejects.toThrow(
      'no such module',
    );
  });
});

describe('the health of a process', () => {
  async function start(transport: Transport) {
    const workers = await startWorkers({ transport, subscriptions });
    const server = await startHealthServer({ port: 0, host: '127.0.0.1', health: workers.health });
    onTestFinished(async () => {
      await workers.close({ deadlineMs: 0 });
      await server.close();
    });
    const get = async (path: string) => {
      const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
      return { code: answer.status, body: await answer.json() };
    };
    return { workers, get };
  }

  it('is ready once the carrier has answered; not ready, but alive, while it drains', async () => {
    const work = Promise.withResolvers<void>();
    hold = work.promise;
    const { workers, get } = await start(memory);
    await createPublisher({ transport: memory }).publish(Ping, { n: 1 });
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    expect(await get('/readyz')).toEqual({
      code: 200,
      body: {
        status: 'ready',
        consumers: [
          { topic: 'ping', subscription: 'mail', draining: false, reached: true, atWork: 1 },
          { topic: 'ping', subscription: 'stock', draining: false, reached: true, atWork: 1 },
        ],
      },
    });
    const closed = workers.close();
    expect(await get('/readyz')).toMatchObject({ code: 503, body: { status: 'draining' } });
    expect(await get('/healthz')).toMatchObject({ code: 200, body: { status: 'alive' } });
    work.resolve();
    await closed;
    expect(await memory.depth({ topic: 'ping', subscription: 'mail' })).toMatchObject({
      inFlight: 0,
      ready: 0,
    });
  });

  it('is not ready while the carrier is away, and is again when it is back', async () => {
    let away = true;
    const { get } = await start(
      faulty(memory, {
        receive: async (address, options) => {
          if (away) throw new TransportError('Unavailable', 'away');
          return memory.receive(address, { ...options, waitMs: 10 });
        },
      }),
    );
    await spy.waitFor('carrier_unavailable');
    expect(await get('/readyz')).toMatchObject({ code: 503, body: { status: 'unreached' } });
    away = false;
    await vi.waitFor(async () => expect(await get('/readyz')).toMatchObject({ code: 200 }), 5_000);
    away = true;
    await vi.waitFor(async () => expect(await get('/readyz')).toMatchObject({ code: 503 }), 5_000);
    expect((await get('/healthz')).code).toBe(200);
  });

  it('cannot be served on a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(startHealthServer({ port, host: '127.0.0.1', health: () => [] })).rejects.toThrow(
      'EADDRINUSE',
    );
  });
});
