import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  ack,
  BILLING,
  message,
  messages,
  openRedis,
  publish,
  redisTopology,
  rejection,
  STOCK,
  take,
} from '../../../test/support/redis-transport.ts';
import type { HistoryMessage, Incoming, Transport } from '../transport.ts';
import type { RedisStreamsOptions } from './options.ts';

const DAY = 86_400_000;
const ALL = { from: 0, to: 10_000_000_000_000 };

describe.skipIf(WITHOUT_REDIS)('the history of a Redis stream', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function given(options: Partial<RedisStreamsOptions> = {}) {
    const topology = redisTopology('billing', 'stock');
    const transport = openRedis({ ...server.options, retentionMs: DAY, ...options }, topology);
    await transport.provision();
    return {
      transport,
      topology,
      stream: `${topology.prefix}:{orders}:stream`,
      own: `${topology.prefix}:{orders}:billing`,
    };
  }

  async function read(transport: Transport, after?: HistoryMessage): Promise<readonly HistoryMessage[]> {
    if (transport.history === undefined) return expect.unreachable();
    const page = { ...ALL, max: 500, ...(after !== undefined && { after: after.receipt }) };
    return transport.history.read(BILLING, page);
  }

  async function replay(transport: Transport, kept: readonly HistoryMessage[]) {
    const again = kept.map((one) => ({ message: one, headers: one.headers }));
    return transport.history?.replay(BILLING, again);
  }

  it('is kept where there is a retention, and only there', async () => {
    const { transport } = await given({ retentionMs: 0 });
    expect(transport.history).toBeUndefined();
    expect([...transport.capabilities]).toEqual(['consumers']);
    expect([...(await given()).transport.capabilities]).toEqual(['consumers', 'history']);
  });

  it('goes back and is replayed however long it is, in pages of 500', async () => {
    const { transport } = await given();
    for (const count of [500, 500, 203]) {
      await publish(transport, messages(count));
      await ack(transport, await take(transport));
      await ack(transport, await take(transport, { address: STOCK }), STOCK);
    }
    const sizes: number[] = [];
    const ids = new Set<string>();
    for (let page = await read(transport); page.length > 0; page = await read(transport, page.at(-1))) {
      sizes.push(page.length);
      for (const { id } of page) ids.add(id);
      expect(await replay(transport, page)).toEqual(page.map(() => 'replayed'));
    }
    expect(sizes).toEqual([500, 500, 203]);
    expect(ids.size).toBe(1_203);
    expect(await transport.depth(BILLING)).toEqual({ ready: 1_203, inFlight: 0, delayed: 0, dead: 0 });
    expect(await transport.depth(STOCK)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('is read and replayed 8 MiB at a time', async () => {
    const { transport } = await given();
    const large = () => message({ body: 'x'.repeat(1_000_000) });
    for (let count = 0; count < 40; count += 5) {
      await publish(transport, [large(), large(), large(), large(), large()]);
      await ack(transport, await take(transport));
    }
    const all: HistoryMessage[] = [];
    for (let page = await read(transport); page.length > 0; page = await read(transport, all.at(-1))) {
      expect(page.length).toBeLessThanOrEqual(16);
      all.push(...page);
    }
    const before = await scripts();
    expect(await replay(transport, all)).toEqual(all.map(() => 'replayed'));
    expect((await scripts()) - before).toBe(5);
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 40 });
  });

  it('knows what is held apart, whatever became of it, until it is done', async () => {
    const { transport } = await given();
    await publish(transport, messages(4));
    const [retried, released, late, dead] = await take(transport);
    if (!retried || !released || !late || !dead) return expect.unreachable();
    await transport.settle(BILLING, [
      { receipt: retried.receipt, action: 'retry', delayMs: 60_000 },
      { receipt: released.receipt, action: 'release' },
      { receipt: dead.receipt, action: 'deadLetter', headers: {} },
    ]);
    await transport.extend(BILLING, [late.receipt], 50);
    const again = await vi.waitUntil(async () => {
      const taken = await take(transport, { waitMs: 500 });
      return taken.some(({ id }) => id === late.id) ? taken : undefined;
    });
    const kept = await read(transport);
    expect(kept.map(({ undone }) => undone)).toEqual([true, true, true, false]);
    await ack(
      transport,
      again.filter(({ id }) => id === late.id),
    );
    expect((await read(transport)).map(({ undone }) => undone)).toEqual([true, true, false, false]);
    expect(await replay(transport, kept)).toEqual(['undone', 'undone', 'replayed', 'replayed']);
    expect(await transport.depth(BILLING)).toMatchObject({ dead: 1 });
  });

  it('loses nothing when a stream that was made anew gives an id again', async () => {
    const { transport, stream } = await given();
    const add = (body: string) => server.admin.xadd(stream, '1-1', 'm', body, 'b', body);
    const release = async () => {
      const [delivery] = await take(transport);
      if (delivery === undefined) return expect.unreachable();
      await transport.settle(BILLING, [{ receipt: delivery.receipt, action: 'retry', delayMs: 200 }]);
    };
    await add('before');
    await release();
    await server.admin.del(stream);
    await transport.provision();
    await add('after');
    await release();
    expect(await transport.depth(BILLING)).toMatchObject({ delayed: 2 });
    const bodies = new Set<string>();
    while (bodies.size < 2) for (const { body } of await take(transport, { waitMs: 500 })) bodies.add(body);
    expect([...bodies].toSorted()).toEqual(['after', 'before']);
  });

  it('says of a message that is no longer kept that it is not', async () => {
    const { transport, stream } = await given();
    await publish(transport, messages(2));
    await ack(transport, await take(transport));
    const kept = await read(transport);
    await server.admin.xtrim(stream, 'MAXLEN', 1);
    expect(await replay(transport, kept)).toMatchObject([{ code: 'NotFound' }, 'replayed']);
  });

  it('is of what was sent to all at once: not what was delayed', async () => {
    const { transport } = await given();
    await publish(transport, [message({ delayMs: 1 }), message({ only: ['billing'] }), message()]);
    const taken: Incoming[] = [];
    while (taken.length < 3) taken.push(...(await take(transport, { waitMs: 500 })));
    await ack(transport, taken);
    expect(await read(transport)).toHaveLength(1);
  });

  it('is looked for at once by the process that has replayed it', async () => {
    const { transport } = await given();
    await publish(transport, messages(1));
    await ack(transport, await take(transport));
    // It has just looked, and would wait a second for new entries only.
    expect(await take(transport)).toEqual([]);
    await replay(transport, await read(transport));
    const startedAt = performance.now();
    expect(await take(transport, { waitMs: 10_000 })).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it('is not replayed into a full memory, and says so', async () => {
    const { transport } = await given();
    await publish(transport, messages(3));
    await ack(transport, await take(transport));
    const kept = await read(transport);
    await server.admin.config('SET', 'maxmemory', 1);
    onTestFinished(async () => {
      await server.admin.config('SET', 'maxmemory', 0);
    });
    expect(await rejection(Promise.resolve(replay(transport, kept)))).toMatchObject({ code: 'Throttled' });
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 0 });
  });

  it('refuses more than it takes at once', async () => {
    const { transport } = await given();
    const none = { id: 'x', headers: {}, enqueuedAt: 0, undone: false, receipt: {} };
    const many = Array.from({ length: 501 }, () => none);
    expect(await rejection(Promise.resolve(replay(transport, many)))).toHaveProperty('code', 'Invalid');
  });

  async function scripts(): Promise<number> {
    const stats = await server.admin.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }
});
