import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  ack,
  BILLING,
  idsOf,
  message,
  messages,
  openRedis,
  publish,
  redisTopology,
  rejection,
  STOCK,
  take,
} from '../../../test/support/redis-transport.ts';
import type { Incoming } from '../transport.ts';
import type { RedisStreamsOptions } from './options.ts';

describe.skipIf(WITHOUT_REDIS)('redis streams', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function given(options: Partial<RedisStreamsOptions> = {}, subscriptions = ['billing']) {
    const topology = redisTopology(...subscriptions);
    const transport = openRedis({ ...server.options, ...options }, topology);
    await transport.provision();
    const stream = `${topology.prefix}:{orders}:stream`;
    return {
      transport,
      topology,
      stream,
      own: `${topology.prefix}:{orders}:billing`,
      /** The same subscription, seen by another process. */
      another: () => openRedis({ ...server.options, ...options }, topology),
      length: () => server.admin.xlen(stream),
    };
  }

  it('sends retries to nobody but the group that failed', async () => {
    const { transport } = await given({}, ['billing', 'stock']);
    await publish(transport, messages(2));
    const [failed, good] = await take(transport);
    if (failed === undefined || good === undefined) return expect.unreachable();
    await transport.settle(BILLING, [
      { receipt: failed.receipt, action: 'retry', delayMs: 50 },
      { receipt: good.receipt, action: 'ack' },
    ]);
    await ack(transport, await take(transport, { address: STOCK }), STOCK);
    expect(await take(transport, { waitMs: 2_000 })).toMatchObject([{ id: failed.id, deliveries: 2 }]);
    expect(await take(transport, { address: STOCK })).toEqual([]);
    expect(await transport.depth(STOCK)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('sees what another has given back at once, when it does not wait', async () => {
    const { transport, another } = await given();
    const other = another();
    await publish(transport, messages(1));
    const [delivery] = await take(other);
    if (delivery === undefined) return expect.unreachable();
    expect(await take(transport)).toEqual([]);
    await other.settle(BILLING, [{ receipt: delivery.receipt, action: 'release' }]);
    expect(await take(transport)).toMatchObject([{ id: delivery.id }]);
  });

  it('frees an entry when every group is done with it, and not before', async () => {
    const { transport, length } = await given({}, ['billing', 'stock']);
    await publish(transport, messages(6));
    const billing = await take(transport);
    await ack(transport, billing);
    expect(await length()).toBe(6);
    const [slow, ...others] = await take(transport, { address: STOCK });
    // Out of order: the first stays in flight, the others are done on both sides.
    await ack(transport, others, STOCK);
    expect(await length()).toBe(1);
    expect(await transport.depth(STOCK)).toEqual({ ready: 0, inFlight: 1, delayed: 0, dead: 0 });
    await publish(transport, messages(2));
    expect(await transport.depth(STOCK)).toEqual({ ready: 2, inFlight: 1, delayed: 0, dead: 0 });
    expect(await transport.depth(BILLING)).toEqual({ ready: 2, inFlight: 0, delayed: 0, dead: 0 });
    if (slow !== undefined) await ack(transport, [slow], STOCK);
    expect(await length()).toBe(2);
  });

  it('does not free what another group has in flight, or has not read', async () => {
    const { transport, length } = await given({}, ['billing', 'stock']);
    await publish(transport, messages(4));
    const billing = await take(transport);
    const stock = await take(transport, { address: STOCK, max: 2 });
    await ack(transport, billing.slice(1));
    expect(await length()).toBe(4);
    await ack(transport, stock.slice(1), STOCK);
    // The second is done on both sides; the first is in flight, the others have not been read.
    expect(await length()).toBe(3);
    await ack(transport, billing.slice(0, 1));
    await ack(transport, stock.slice(0, 1), STOCK);
    expect(await length()).toBe(2);
    expect(await take(transport, { address: STOCK })).toHaveLength(2);
  });

  it('frees entries of one group out of order', async () => {
    const { transport, length } = await given();
    await publish(transport, messages(500));
    const [slow, ...others] = await take(transport);
    await ack(transport, others);
    expect(await length()).toBe(1);
    if (slow !== undefined) await ack(transport, [slow]);
    expect(await length()).toBe(0);
  });

  it('gives a group that comes later what is still there', async () => {
    const { transport, topology } = await given();
    await publish(transport, messages(3));
    await ack(transport, await take(transport, { max: 1 }));
    const later = openRedis(server.options, {
      ...topology,
      topics: [
        {
          name: 'orders',
          subscriptions: ['billing', 'stock'].map((name) => ({ name, leaseMs: 1_000, maxDeliveries: 9 })),
        },
      ],
    });
    await later.provision();
    expect(await later.depth(STOCK)).toMatchObject({ ready: 2 });
    expect(await take(later, { address: STOCK })).toHaveLength(2);
    expect(await later.depth(STOCK)).toMatchObject({ ready: 0, inFlight: 2 });
  });

  it('keeps what is done for the time of retention', async () => {
    const { transport, length } = await given({ retentionMs: 700 });
    await publish(transport, messages(3));
    await ack(transport, await take(transport));
    expect(await length()).toBe(3);
    expect(await transport.depth(BILLING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    await vi.waitFor(
      async () => {
        await take(transport);
        expect(await length()).toBe(0);
      },
      { timeout: 5_000 },
    );
  });

  it('keeps what is done for ever, where that began before there was a clock', async () => {
    const { transport, length } = await given({ retentionMs: 36_500 * 86_400_000 });
    await publish(transport, messages(1));
    await ack(transport, await take(transport));
    expect(await take(transport)).toEqual([]);
    expect(await length()).toBe(1);
  });

  it.each([0, 3_600_000])(
    'holds publishers back at the depth limit, and trims nothing (retention %i)',
    async (retentionMs) => {
      const { transport } = await given({ maxDepth: 5, retentionMs });
      const outcomes = await transport.send('orders', messages(7));
      expect(outcomes.slice(0, 5)).toEqual(new Array(5).fill('accepted'));
      for (const outcome of outcomes.slice(5)) {
        expect(outcome).toMatchObject({ error: { code: 'Throttled', retryable: true } });
      }
      const [delayed] = await transport.send('orders', [message({ delayMs: 60_000 })]);
      expect(delayed).toMatchObject({ error: { code: 'Throttled' }, missing: ['billing'] });
      const taken = await take(transport);
      expect(taken).toHaveLength(5);
      await ack(transport, taken.slice(0, 2));
      // What is done counts for none, delayed or not.
      await publish(transport, [message({ delayMs: 60_000 }), message()]);
      expect(await transport.send('orders', [message()])).toMatchObject([{ error: { code: 'Throttled' } }]);
    },
  );

  it.each([
    [['billing']],
    // The entry is still there, for the other group.
    [['billing', 'stock']],
  ])('lets nobody settle what has been taken over, with groups %j', async (subscriptions) => {
    const { transport, another } = await given({}, subscriptions);
    const other = another();
    await publish(transport, messages(2));
    const stale = await take(transport, { leaseMs: 200 });
    const taken = await vi.waitUntil(async () => {
      const deliveries = await take(other, { waitMs: 500 });
      return deliveries.length > 0 ? deliveries : undefined;
    });
    expect(taken).toMatchObject([{ deliveries: 2 }, { deliveries: 2 }]);
    const [first, second] = stale;
    if (first === undefined || second === undefined) return expect.unreachable();
    expect(
      await transport.settle(BILLING, [
        { receipt: first.receipt, action: 'ack' },
        { receipt: second.receipt, action: 'retry', delayMs: 0 },
      ]),
    ).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    expect(await transport.extend(BILLING, [first.receipt], 1_000)).toMatchObject([{ code: 'LeaseLost' }]);
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 0, inFlight: 2 });
    await ack(other, taken);
  });

  it('takes over what was taken over, and knows the two apart', async () => {
    const { transport } = await given();
    await publish(transport, messages(1));
    const deliveries = [];
    for (const count of [1, 2, 3]) {
      const [delivery] = await vi.waitUntil(
        async () => {
          const received = await take(transport, { waitMs: 500, leaseMs: count < 3 ? 100 : 60_000 });
          return received.length > 0 ? received : undefined;
        },
        { timeout: 5_000 },
      );
      expect(delivery).toHaveProperty('deliveries', count);
      if (delivery !== undefined) deliveries.push(delivery);
    }
    for (const { receipt } of deliveries.slice(0, 2)) {
      expect(await transport.settle(BILLING, [{ receipt, action: 'ack' }])).toMatchObject([
        { code: 'LeaseLost' },
      ]);
    }
    await ack(transport, deliveries.slice(2));
  });

  it('gives up, bytes untouched, what its last delivery has left without an answer too, and nothing else', async () => {
    const { transport } = await given();
    const next = (leaseMs: number) =>
      vi.waitUntil(async () => {
        const [delivery] = await take(transport, { max: 1, waitMs: 500, leaseMs });
        return delivery;
      });
    const most = 25;
    const [retried, bad] = [message(), message({ body: '{"kills":true}' })];
    await publish(transport, [retried]);
    for (let count = 1; count <= most + 2; count++) {
      const { id, receipt, deliveries } = await next(60_000);
      expect({ id, deliveries }).toEqual({ id: retried.id, deliveries: count });
      // Answered: however often it was delivered, there is no reason to give it up.
      const delayMs = count <= most ? 0 : 60_000;
      await transport.settle(BILLING, [{ receipt, action: 'retry', delayMs }]);
      if (delayMs > 0) break;
    }
    await publish(transport, [bad]);
    for (let count = 1; count <= most; count++) {
      expect(await next(10)).toMatchObject({ id: bad.id, deliveries: count });
    }
    const letters = await vi.waitUntil(async () => {
      expect(await take(transport, { waitMs: 50 })).toEqual([]);
      const shown = await transport.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
      return shown.length > 0 ? shown : undefined;
    });
    expect(letters).toMatchObject([{ id: bad.id, body: bad.body }]);
    expect(await transport.depth(BILLING)).toEqual({ ready: 0, inFlight: 0, delayed: 1, dead: 1 });
  });

  it('shows the dead letters behind those that somebody else has removed', async () => {
    const { transport, own } = await given();
    await publish(transport, messages(5));
    const settlements = (await take(transport)).map(
      ({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const,
    );
    await transport.settle(BILLING, settlements);
    await server.admin.xtrim(`${own}:dead`, 'MAXLEN', 2);
    expect(await transport.deadLetters.scan(BILLING, { max: 1, leaseMs: 60_000 })).toHaveLength(1);
    expect(await transport.deadLetters.scan(BILLING, { max: 5, leaseMs: 60_000 })).toHaveLength(1);
    expect(await transport.deadLetters.scan(BILLING, { max: 5, leaseMs: 60_000 })).toEqual([]);
  });

  it('does not count what was given back as delivered, however often', async () => {
    const { transport } = await given();
    await publish(transport, messages(1));
    for (let count = 0; count < 3; count++) {
      const [delivery] = await take(transport, { waitMs: 1_000 });
      expect(delivery).toHaveProperty('deliveries', 1);
      if (delivery !== undefined) {
        await transport.settle(BILLING, [{ receipt: delivery.receipt, action: 'release' }]);
      }
    }
  });

  it('extends leases of first and later deliveries, to another length too', async () => {
    const { transport, another } = await given();
    const other = another();
    await publish(transport, messages(2));
    const [first] = await take(transport, { max: 1, leaseMs: 400 });
    const [released] = await take(transport, { max: 1 });
    if (first === undefined || released === undefined) return expect.unreachable();
    await transport.settle(BILLING, [{ receipt: released.receipt, action: 'release' }]);
    const [second] = await take(transport, { max: 1, leaseMs: 400 });
    if (second === undefined) return expect.unreachable();
    const receipts = [first.receipt, second.receipt];
    expect(await transport.extend(BILLING, receipts, 30_000)).toEqual(['settled', 'settled']);
    expect(await take(other, { waitMs: 1_000 })).toEqual([]);
    await ack(transport, [first, second]);
  });

  it('ends leases that last for no whole number of milliseconds', async () => {
    const leaseMs = 300.048;
    const { transport, another } = await given();
    await publish(transport, messages(2));
    const [first, second] = [
      ...(await take(transport, { max: 1 })),
      ...(await take(transport, { max: 1, leaseMs })),
    ];
    expect(await transport.extend(BILLING, [first?.receipt ?? {}], leaseMs)).toEqual(['settled']);
    const other = another();
    const again: Incoming[] = [];
    await vi.waitUntil(
      async () => {
        again.push(...(await take(other, { waitMs: 500 })));
        return again.length === 2;
      },
      { timeout: 5_000 },
    );
    expect(idsOf(again)).toEqual([first?.id, second?.id].toSorted());
  });

  it('removes consumers that own nothing and have been away', async () => {
    const { transport, another, stream } = await given({ consumerAwayMs: 100 });
    const busy = another();
    const idle = another();
    await publish(transport, messages(2));
    expect(await take(busy, { max: 1 })).toHaveLength(1);
    await ack(idle, await take(idle));
    /** Names, by how many entries each owns. */
    const owners = async (): Promise<Map<unknown, unknown>> => {
      const all = await server.admin.xinfo('CONSUMERS', stream, 'billing');
      return new Map(Array.isArray(all) ? all.map(([, name, , pending]) => [pending, name]) : []);
    };
    const before = await owners();
    expect([...before.keys()].toSorted()).toEqual([0, 1]);
    await vi.waitFor(
      async () => {
        // Newer servers know whoever looks, too.
        await take(transport);
        const after = await owners();
        expect([...after.values()]).not.toContain(before.get(0));
        expect(after.get(1)).toBe(before.get(1));
      },
      { timeout: 5_000 },
    );
    expect(await transport.depth(BILLING)).toMatchObject({ inFlight: 1 });
  });

  it('says how many messages others have removed before they were handled', async () => {
    const { transport, stream, own } = await given();
    await publish(transport, messages(3));
    const [held, ...others] = await take(transport, { leaseMs: 200 });
    if (held === undefined) return expect.unreachable();
    await transport.settle(BILLING, [{ receipt: held.receipt, action: 'release' }]);
    expect(others).toHaveLength(2);
    await server.admin.xtrim(stream, 'MAXLEN', 0);
    await server.admin.del(`${own}:bodies`);
    const said: string[] = [];
    await vi.waitFor(
      async () => {
        await take(transport).catch((error: unknown) => said.push(String(error)));
        expect(said).toHaveLength(2);
      },
      { timeout: 5_000 },
    );
    expect(said[0]).toMatch(/1 messages of orders\/billing are lost/);
    expect(said[1]).toMatch(/2 messages of orders\/billing are lost/);
    expect(await transport.depth(BILLING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('hands over what other programs have added', async () => {
    const { transport, stream } = await given();
    const id = await server.admin.xadd(stream, '*', 'b', 'bytes', 'colour', 'blue');
    await server.admin.xadd(stream, '*', 'm', '[not ours', 'b', 'x');
    await server.admin.xadd(stream, '*', 'm', '["a",{"b":1}]', 'b', 'x');
    const other = await server.admin.xadd(stream, '*', 'e', 'one line');
    const expected = [
      { id, body: 'bytes', headers: {} },
      { id: '[not ours', body: 'x' },
      { id: '["a",{"b":1}]', body: 'x' },
      { id: other, body: 'one line' },
    ];
    const taken = await take(transport);
    expect(taken).toMatchObject(expected);
    // Held apart it is read by the server.
    const released = taken.map(({ receipt }) => ({ receipt, action: 'release' }) as const);
    await transport.settle(BILLING, released);
    expect(await take(transport)).toMatchObject(expected);
  });

  it('gives back what a blocking read brings to somebody who has left', async () => {
    const { transport, another } = await given();
    const publisher = another();
    for (let round = 0; round < 20; round++) {
      const stop = new AbortController();
      const waiting = transport.receive(BILLING, {
        max: 1,
        waitMs: 5_000,
        leaseMs: 60_000,
        signal: stop.signal,
      });
      await Promise.all([publish(publisher, messages(1)), Promise.resolve().then(() => stop.abort())]);
      const received = await waiting;
      const [delivery] = received.length > 0 ? received : await take(publisher, { waitMs: 3_000 });
      expect(delivery).toHaveProperty('deliveries', 1);
      if (delivery !== undefined) await ack(received.length > 0 ? transport : publisher, [delivery]);
    }
  });

  it('takes up to 1.6 times the bytes of a message', async () => {
    const { transport, stream } = await given();
    const before = await usedMemory();
    for (let sent = 0; sent < 10_000; sent += 500) {
      await publish(
        transport,
        Array.from({ length: 500 }, () => message({ body: 'x'.repeat(350) })),
      );
    }
    expect(await server.admin.xlen(stream)).toBe(10_000);
    expect(((await usedMemory()) - before) / 10_000 / 350).toBeLessThan(1.6);
  });

  it('asks Redis for 0.05 round trips a message at most, when there is much to do', async () => {
    const { transport } = await given();
    const before = await calls();
    for (let sent = 0; sent < 5_000; sent += 500) await publish(transport, messages(500));
    for (let done = 0; done < 5_000; ) {
      const taken = await take(transport);
      await ack(transport, taken);
      done += taken.length;
    }
    expect(((await calls()) - before) / 5_000).toBeLessThanOrEqual(0.05);
  });

  it('refuses more than it takes at once', async () => {
    const { transport } = await given();
    expect(await rejection(transport.send('orders', messages(501)))).toHaveProperty('code', 'Invalid');
    const many = Array.from({ length: 501 }, () => ({}));
    expect(await rejection(transport.extend(BILLING, many, 1_000))).toHaveProperty('code', 'Invalid');
    const acks = many.map((receipt) => ({ receipt, action: 'ack' }) as const);
    expect(await rejection(transport.settle(BILLING, acks))).toHaveProperty('code', 'Invalid');
  });

  async function usedMemory(): Promise<number> {
    return Number(/used_memory:(\d+)/.exec(await server.admin.info('memory'))?.[1]);
  }

  async function calls(): Promise<number> {
    const stats = await server.admin.info('commandstats');
    return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
  }
});
