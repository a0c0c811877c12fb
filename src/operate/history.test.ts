import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { startWorker } from '../consume/worker.ts';
import { createSpy } from '../observe/spy.ts';
import { createPublisher } from '../publish/publisher.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import { createSqsTransport } from '../transport/sqs/sqs.ts';
import type { Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { readHistory, replayHistory } from './history.ts';

const TOPOLOGY = topologyOf('ping', 'test');

describe('the history of a subscription', () => {
  it('is refused in one sentence where the carrier keeps none', async () => {
    const sqs = createSqsTransport(TOPOLOGY, { endpoint: 'http://127.0.0.1:1', region: 'eu-west-1' });
    for (const transport of [createMemoryTransport(TOPOLOGY), sqs]) {
      onTestFinished(() => transport.close());
      const range = { from: 0, to: Date.now() };
      for (const history of [readHistory(transport, PING, range), replayHistory(transport, PING, range)]) {
        await expect(history.next()).rejects.toMatchObject({
          code: 'Unsupported',
          message: expect.stringMatching(/^(memory|sqs) keeps no history here, .*retention/),
        });
      }
    }
  });
});

describe.skipIf(WITHOUT_REDIS)('a replay from history', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  /** So many messages that a worker has handled, and what it is handed from then on. */
  async function given(count: number) {
    await server.admin.flushall();
    const transport = await openTransport(`${server.url}?retention=24h`, TOPOLOGY);
    await transport.provision();
    const publisher = createPublisher({ transport });
    const handled: { n: number; attempt: number; id: string }[] = [];
    const worker = startWorker({
      transport,
      address: PING,
      contract: Ping,
      handler: ({ id, data }, { attempt }) => void handled.push({ id, n: data.n, attempt }),
    });
    onTestFinished(async () => {
      await worker.close();
      await transport.close();
    });
    await Promise.all(Array.from({ length: count }, (_, n) => publisher.publish(Ping, { n })));
    const done = async (total: number) => {
      await vi.waitFor(
        async () => {
          expect(handled.length).toBeGreaterThanOrEqual(total);
          expect(await transport.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
        },
        { timeout: 10_000 },
      );
      expect(handled).toHaveLength(total);
    };
    await done(count);
    return { transport, handled, done };
  }

  const range = () => ({ from: Date.now() - 3_600_000, to: Date.now() + 1 });

  async function replayed(transport: Transport, options = {}): Promise<string[]> {
    const ids: string[] = [];
    for await (const page of replayHistory(transport, PING, range(), options)) {
      expect(page.failed).toEqual([]);
      ids.push(...page.replayed.map(({ id }) => id));
    }
    return ids;
  }

  it('has a worker handle all again, as new, and can be repeated', async () => {
    const { transport, handled, done } = await given(3);
    const spy = createSpy();
    onTestFinished(() => spy.close());
    for (const total of [6, 9]) {
      expect((await replayed(transport)).toSorted()).toEqual(
        handled
          .slice(0, 3)
          .map(({ id }) => id)
          .toSorted(),
      );
      await done(total);
    }
    expect(handled.every(({ attempt }) => attempt === 1)).toBe(true);
    expect(spy.all('replayed')).toHaveLength(6);
  });

  it('reads without changing anything', async () => {
    const { transport, done } = await given(3);
    const pages = await Array.fromAsync(readHistory(transport, PING, range()));
    expect(pages.flat()).toMatchObject([{ undone: false }, { undone: false }, { undone: false }]);
    await done(3);
  });

  it('keeps to its rate, and ends between two pages when it is told to', async () => {
    const { transport, done } = await given(5);
    const startedAt = performance.now();
    const stop = new AbortController();
    let count = 0;
    for await (const { replayed } of replayHistory(transport, PING, range(), {
      perSecond: 2,
      signal: stop.signal,
    })) {
      expect(replayed).toHaveLength(2);
      count += replayed.length;
      if (count === 4) stop.abort();
    }
    expect(count).toBe(4);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
    await done(9);
  });

  it('counts a replay in a header', async () => {
    const { transport } = await given(1);
    const [page] = await Array.fromAsync(readHistory(transport, PING, range()));
    const [message] = page ?? [];
    if (message === undefined || transport.history === undefined) return expect.unreachable();
    const replay = vi.spyOn(transport.history, 'replay');
    await replayed(transport);
    expect(replay.mock.calls[0]?.[1]).toMatchObject([{ headers: { 'hikyaku-replays': '1' } }]);
  });
});
