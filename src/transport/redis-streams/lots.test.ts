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
import type { Incoming, Transport } from '../transport.ts';
import { accessRules } from './access.ts';
import type { RedisStreamsOptions } from './options.ts';

const EMPTY = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

describe.skipIf(WITHOUT_REDIS)('what is read at once from a Redis stream', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function given(options: Partial<RedisStreamsOptions> = { lotsFrom: 2 }) {
    const topology = redisTopology('billing');
    const transport = openRedis({ ...server.options, ...options }, topology);
    await transport.provision();
    const stream = `${topology.prefix}:{orders}:stream`;
    const lots = `${topology.prefix}:{orders}:lots`;
    return {
      transport,
      topology,
      stream,
      lots,
      /** The same subscription, seen by another process. */
      another: (others: Partial<RedisStreamsOptions> = options) =>
        openRedis({ ...server.options, ...others }, topology),
      /** How many lots there are, besides the mark. */
      lotsLeft: async () =>
        (await server.admin.hkeys(lots)).filter((key) => key.startsWith('billing ')).length,
      pending: async () => Number(((await server.admin.xpending(stream, 'billing')) as unknown[])[0]),
    };
  }

  /** Takes until there are so many. */
  async function again(transport: Transport, count: number): Promise<Incoming[]> {
    const found: Incoming[] = [];
    await vi.waitFor(
      async () => {
        found.push(...(await take(transport)));
        expect(found).toHaveLength(count);
      },
      { timeout: 5_000 },
    );
    return found;
  }

  /** Handles what comes until there is nothing more. Answers the ids, in order. */
  async function handleAll(transport: Transport): Promise<string[]> {
    const ids = new Set<string>();
    await vi.waitFor(
      async () => {
        const some = await take(transport, { leaseMs: 700 });
        for (const { id } of some) ids.add(id);
        await ack(transport, some);
        expect(await transport.depth(BILLING)).toEqual(EMPTY);
      },
      { timeout: 8_000 },
    );
    return [...ids].toSorted();
  }

  const ids = (all: readonly { readonly id: string }[]): string[] => all.map(({ id }) => id).toSorted();

  it('is not pending, and gone when it is done', async () => {
    const { transport, stream, lotsLeft, pending } = await given();
    await publish(transport, messages(30));
    const first = await take(transport, { max: 20 });
    const second = await take(transport);
    expect([first.length, second.length]).toEqual([20, 10]);
    expect(await pending()).toBe(0);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 30 });
    await ack(transport, [...first.slice(5), ...second]);
    expect(await lotsLeft()).toBe(1);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 5 });
    await ack(transport, first.slice(0, 5));
    expect(await lotsLeft()).toBe(0);
    expect(await server.admin.xlen(stream)).toBe(0);
    const [one] = first;
    if (one === undefined) return expect.unreachable();
    expect(await transport.settle(BILLING, [{ receipt: one.receipt, action: 'ack' }])).toMatchObject([
      { code: 'LeaseLost' },
    ]);
  });

  it('is pending where there is little of it, or others read the stream too', async () => {
    const { transport, stream, pending } = await given({});
    await publish(transport, messages(17));
    await ack(transport, await take(transport, { max: 15 }));
    await take(transport, { max: 16 });
    expect(await pending()).toBe(2);
    await server.admin.xgroup('CREATE', stream, 'theirs', '$');
    await publish(transport, messages(40));
    // It learns of the other group when it looks at what is held apart.
    await take(transport, { max: 1 });
    await take(transport);
    expect(await pending()).toBe(42);
  });

  it('comes again, without what is done, when its lease has ended', async () => {
    const { transport, another, lotsLeft } = await given();
    const all = messages(12);
    await publish(transport, all);
    const taken = await take(transport, { leaseMs: 700 });
    await ack(transport, taken.slice(3, 9));
    const found = await again(another(), 6);
    expect(ids(found)).toEqual(ids([...all.slice(0, 3), ...all.slice(9)]));
    expect(new Set(found.map(({ deliveries }) => deliveries))).toEqual(new Set([2]));
    expect(await lotsLeft()).toBe(0);
    const late = taken.slice(0, 1).map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    expect(await transport.settle(BILLING, late)).toMatchObject([{ code: 'LeaseLost' }]);
    await ack(transport, found);
    expect(await transport.depth(BILLING)).toEqual(EMPTY);
  });

  it('is of use one by one: retried, given back, given up, extended and done', async () => {
    const { transport, stream, lotsLeft } = await given();
    await publish(transport, messages(12));
    const taken = await take(transport, { leaseMs: 1_500 });
    const [retried, released, dead, extended, ...rest] = taken;
    if (!retried || !released || !dead || !extended) return expect.unreachable();
    await ack(transport, rest.slice(0, 2));
    const outcomes = await transport.settle(BILLING, [
      { receipt: retried.receipt, action: 'retry', delayMs: 0 },
      ...rest.slice(2, 4).map(({ receipt }) => ({ receipt, action: 'ack' }) as const),
      { receipt: released.receipt, action: 'release' },
      { receipt: dead.receipt, action: 'deadLetter', headers: {} },
    ]);
    expect(outcomes).toEqual(outcomes.map(() => 'settled'));
    expect(await lotsLeft()).toBe(0);
    expect(await transport.depth(BILLING)).toEqual({ ready: 2, inFlight: 5, delayed: 0, dead: 1 });
    await ack(transport, rest.slice(4, 5));
    expect(await transport.extend(BILLING, [extended.receipt], 60_000)).toEqual(['settled']);
    const back = await again(transport, 5);
    expect(back.map(({ id, deliveries }) => [id, deliveries]).toSorted()).toEqual(
      [[retried.id, 2], [released.id, 1], ...rest.slice(5).map(({ id }) => [id, 2])].toSorted(),
    );
    await ack(transport, [...back, extended]);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, dead: 1 });
    expect(await server.admin.xlen(stream)).toBe(0);
  });

  it('keeps the length of its lease when some of it is extended', async () => {
    const { transport } = await given();
    await publish(transport, messages(10));
    const [first, ...others] = await take(transport, { leaseMs: 1_500 });
    if (first === undefined) return expect.unreachable();
    const takenAt = performance.now();
    await transport.extend(BILLING, [first.receipt], 60_000);
    const found = await again(transport, 9);
    expect(performance.now() - takenAt).toBeGreaterThan(1_000);
    expect(ids(found)).toEqual(ids(others));
  });

  it('is kept for a group that comes later', async () => {
    const { transport, topology, stream, lotsLeft } = await given();
    await publish(transport, messages(10));
    const taken = await take(transport);
    const both = redisTopology('billing', 'stock');
    const wider = openRedis(server.options, { ...both, prefix: topology.prefix });
    await wider.provision();
    await ack(transport, taken.slice(0, 4));
    expect(await lotsLeft()).toBe(0);
    expect(await server.admin.xlen(stream)).toBe(10);
    await ack(wider, await take(wider, { address: STOCK }), STOCK);
    expect(await server.admin.xlen(stream)).toBe(6);
    await ack(transport, taken.slice(4));
    expect(await server.admin.xlen(stream)).toBe(0);
  });

  it('keeps others from being freed that a group that came later is done with', async () => {
    const { transport, topology, stream } = await given();
    await publish(transport, messages(20));
    const first = await take(transport, { max: 10 });
    await ack(transport, await take(transport, { max: 10 }));
    expect(await server.admin.xlen(stream)).toBe(10);
    const wider = openRedis(server.options, {
      ...redisTopology('billing', 'stock'),
      prefix: topology.prefix,
    });
    await wider.provision();
    const theirs = await take(wider, { address: STOCK });
    expect(ids(theirs)).toEqual(ids(first));
    await ack(wider, theirs, STOCK);
    expect(await server.admin.xlen(stream)).toBe(10);
    await ack(transport, first);
    expect(await server.admin.xlen(stream)).toBe(0);
  });

  it.each([
    ['what is known of lots is gone', async (lots: string) => void (await server.admin.del(lots))],
    [
      'another program uses their key for a while',
      async (lots: string, read: () => Promise<unknown>) => {
        await server.admin.set(lots, 'x');
        // It comes all the same, unless this is when lots are looked at.
        await read().catch(() => undefined);
        expect(await rejection(read())).toMatchObject({
          code: 'Invalid',
          message: expect.stringMatching(/WRONGTYPE.*delete the key, or set another prefix/),
        });
        await server.admin.del(lots);
      },
    ],
  ])('is not lost where %s', async (_, meddle) => {
    const { transport, another, lots } = await given();
    const all = messages(30);
    await publish(transport, all);
    const taken = await take(transport, { max: 10 });
    await ack(transport, taken.slice(0, 4));
    await meddle(lots, () => take(transport, { max: 10, leaseMs: 700 }));
    expect(await handleAll(another())).toEqual(ids(all.slice(4)));
  });

  it('is not lost where its lease could not be written down', async () => {
    const { transport, topology, lots, stream } = await given();
    const all = messages(10);
    await publish(transport, all);
    await ack(transport, await take(transport, { max: 1 }));
    // What a transaction leaves whose script fails.
    await server.admin.hset(lots, '!billing', 'token');
    const read = ['GROUP', 'billing', 'gone', 'COUNT', '5', 'NOACK', 'STREAMS', stream, '>'];
    await server.admin.call('XREADGROUP', ...read);
    expect(await handleAll(openRedis(server.options, topology))).toEqual(ids(all.slice(1)));
  });

  it('is pending, and handed over, where its lot may not be begun any more', async () => {
    const { topology, another, pending, lotsLeft } = await given();
    const rules = accessRules('relay', topology.prefix).split(' ');
    await server.admin.call('ACL', 'SETUSER', 'revoked', 'on', '>pw', ...rules);
    const transport = another({ username: 'revoked', password: 'pw', lotsFrom: 2 });
    const all = messages(30);
    await publish(transport, all);
    const first = await take(transport, { max: 10 });
    expect(await pending()).toBe(0);
    await server.admin.call('ACL', 'SETUSER', 'revoked', '-hset');
    const second = await take(transport, { max: 10 });
    expect(second).toHaveLength(10);
    expect(await pending()).toBe(10);
    // From now on without lots.
    const third = await take(transport, { max: 10 });
    expect(await pending()).toBe(20);
    expect(ids([...first, ...second, ...third])).toEqual(ids(all));
    await ack(transport, [...first, ...second, ...third]);
    expect([await pending(), await lotsLeft()]).toEqual([0, 0]);
  });

  it.each([[['stock']], [['stock', 'mail']]])(
    'is nobody’s when its group is gone, and all there for others: %s',
    async (others) => {
      const { transport, topology, stream } = await given();
      await publish(transport, messages(40));
      const taken = await take(transport);
      expect(taken).toHaveLength(40);
      const wider = openRedis(server.options, { ...redisTopology(...others), prefix: topology.prefix });
      await wider.provision();
      await server.admin.xgroup('DESTROY', stream, 'billing');
      const late = taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
      const lost = { code: 'LeaseLost' };
      expect(await transport.settle(BILLING, late.slice(0, 30))).toMatchObject(
        late.slice(0, 30).map(() => lost),
      );
      for (const subscription of others) {
        const address = { topic: 'orders', subscription };
        const theirs = await take(wider, { address });
        expect(theirs).toHaveLength(40);
        await ack(wider, theirs, address);
      }
      // What nobody is left to end does not hold up what is freed.
      expect(await server.admin.xlen(stream)).toBe(0);
    },
  );

  it('is not what a group holds that was made anew', async () => {
    const { transport, stream, another } = await given();
    await publish(transport, messages(40));
    await take(transport, { leaseMs: 700 });
    await server.admin.xgroup('DESTROY', stream, 'billing');
    await transport.provision();
    const again = await take(transport);
    expect(again).toHaveLength(40);
    const until = performance.now() + 1_500;
    while (performance.now() < until) expect(await take(another(), { waitMs: 100 })).toEqual([]);
    await ack(transport, again);
    expect(await transport.depth(BILLING)).toEqual(EMPTY);
  });

  it('stays leased where a lot was begun, and nothing read', async () => {
    const { transport, lots, another } = await given();
    await publish(transport, messages(20));
    const taken = await take(transport);
    const [last = ''] = (await server.admin.hkeys(lots)).filter((key) => key.startsWith('billing '));
    const [, , to = ''] = ((await server.admin.hget(lots, last)) ?? '').split(' ');
    await server.admin.hset(lots, 'billing', to, '!billing', 'token');
    const found: Incoming[] = [];
    await vi.waitFor(async () => {
      found.push(...(await take(another(), { waitMs: 100 })));
      // Whoever sweeps sees to it.
      expect(await server.admin.hexists(lots, '!billing')).toBe(0);
    }, 5_000);
    expect([...found, ...(await take(another(), { waitMs: 700 }))]).toEqual([]);
    await ack(transport, taken);
  });

  it('is apart from that of a consumer of the same name', async () => {
    const { transport, another } = await given();
    const all = messages(40);
    await publish(transport, all);
    const at = Date.now();
    vi.spyOn(Date, 'now').mockReturnValue(at);
    onTestFinished(() => void vi.restoreAllMocks());
    const request = { max: 20, waitMs: 0, leaseMs: 700, consumer: 'same' };
    for (const one of [transport, another()]) expect(await one.receive(BILLING, request)).toHaveLength(20);
    vi.restoreAllMocks();
    expect(await handleAll(another())).toEqual(ids(all));
  });

  it('comes back by and by where many lots are over', async () => {
    const { transport, another } = await given();
    const all = messages(60);
    await publish(transport, all);
    while ((await take(transport, { max: 3, leaseMs: 500 })).length > 0);
    expect(await handleAll(another())).toEqual(ids(all));
  });

  it('is pending for somebody who may not begin a transaction', async () => {
    const { topology, another, pending } = await given();
    const rules = accessRules('relay', topology.prefix).replace(' +multi', '');
    await server.admin.call('ACL', 'SETUSER', 'without', 'on', '>pw', ...rules.split(' '));
    const transport = another({ username: 'without', password: 'pw' });
    await publish(transport, messages(20));
    const taken = await take(transport);
    expect(taken).toHaveLength(20);
    expect(await pending()).toBe(20);
    await ack(transport, taken);
  });

  it('is counted, and its consumers are, also where it is unknown how much is left', async () => {
    const { transport } = await given();
    await publish(transport, [...messages(10), message({ delayMs: 60_000 })]);
    const taken = await transport.receive(BILLING, {
      max: 10,
      waitMs: 0,
      leaseMs: 60_000,
      consumer: 'worker-1-a',
    });
    const seen = async () =>
      (await transport.consumers?.(BILLING))?.map(({ name, inFlight }) => [name, inFlight]);
    expect(await seen()).toEqual([['worker-1-a', 10]]);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 10, delayed: 1 });
    await ack(transport, taken.slice(0, 3));
    expect(await seen()).toEqual([['worker-1-a', 7]]);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 7, delayed: 1 });
  });
});
