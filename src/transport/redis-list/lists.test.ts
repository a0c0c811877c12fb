import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  ack,
  BILLING,
  leasing,
  message,
  messages,
  openList,
  publish,
  redisTopology,
  rejection,
  STOCK,
  take,
} from '../../../test/support/redis-transport.ts';
import { createConnection } from '../redis/connection.ts';
import { list } from '../redis/replies.ts';
import type { Incoming, Settlement, Topology } from '../transport.ts';
import { listOf, queueKeys } from './keys.ts';
import type { RedisListOptions } from './options.ts';
import { TAKE } from './scripts/receive.ts';

const EMPTY = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

describe.skipIf(WITHOUT_REDIS)('on lists', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function given(options: Partial<RedisListOptions> = {}, topology = redisTopology('billing')) {
    const transport = openList({ ...server.options, ...options }, topology);
    await transport.provision();
    const own = `${topology.prefix}:{orders}:billing:queue`;
    const { queue = own, processing = `${queue}:processing`, dlq = `${queue}:dlq` } = options.names ?? {};
    const another = () => openList({ ...server.options, ...options }, topology);
    return { transport, topology, queue, processing, dlq, another, lots: `${queue}:lots` };
  }

  const bodiesOf = (deliveries: readonly Incoming[]) => deliveries.map(({ body }) => body);
  const settlements = (deliveries: readonly Incoming[], action: 'ack' | 'release'): Settlement[] =>
    deliveries.map(({ receipt }) => ({ receipt, action }));

  /** What stands beside the lists must not outlive what it is about. */
  async function leftOf(queue: string): Promise<Record<string, unknown>> {
    const { admin } = server;
    return {
      leases: await admin.zcard(`${queue}:leases`),
      lots: await admin.hgetall(`${queue}:lots`),
      returned: await admin.hlen(`${queue}:returned`),
      delayed: await admin.zcard(`${queue}:delayed`),
      lists: (await lotsOf(queue)).length,
    };
  }
  const NOTHING_LEFT = { leases: 0, lots: { '#': '0' }, returned: 0, delayed: 0, lists: 0 };

  /** The lists of what we have in flight. */
  const lotsOf = (queue: string): Promise<string[]> => server.admin.keys(`${queue}:lots:*`);

  /**
   * Takes at most ten, and what a blocking move has brought. Answers how many are in the lot, and places and deliveries of what comes
   * again.
   */
  function taker(topology: Topology) {
    const connection = createConnection(server.options);
    onTestFinished(() => connection.close());
    const keys = queueKeys(topology.prefix, BILLING);
    const { queue, processing, delayed, leases, lots, returned, consumers, swept, dead, shown } = keys;
    return async (token: string, ...moved: string[]) => {
      const args = [10, 60_000, token, '', 0, 60_000, 60_000, 25, ...moved];
      const all = [queue, processing, delayed, leases, lots, returned, consumers, swept, dead, shown];
      return list(await connection.run(TAKE, [...all, listOf(keys, token)], args)).slice(0, 2);
    };
  }

  describe('another program', () => {
    it('pushes what it likes, and gets what is given up under an id of its own', async () => {
      const { transport, queue, dlq } = await given();
      const texts = ['{"no":"frame"}', 'plain', '{\n "pretty": 1\n}', 'ünïcödé 飛脚'];
      for (const one of texts) await server.admin.lpush(queue, one);
      const before = Date.now();
      const taken = await take(transport);
      expect(bodiesOf(taken)).toEqual(texts);
      expect(new Set(taken.map(({ id }) => id)).size).toBe(4);
      for (const { enqueuedAt, deliveries } of taken) {
        expect(Math.abs(enqueuedAt - before)).toBeLessThan(60_000);
        expect(deliveries).toBe(1);
      }
      const dead = taken.map(
        ({ receipt }) => ({ receipt, action: 'deadLetter', headers: { why: 'x' } }) as const,
      );
      expect(await transport.settle(BILLING, dead)).toEqual(taken.map(() => 'settled'));
      expect(await server.admin.llen(dlq)).toBe(4);
      const letters = await transport.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
      expect(letters.map(({ body }) => body)).toEqual(texts);
      expect(letters.map(({ id }) => id)).toEqual(taken.map(({ id }) => id));
      await server.admin.lpush(dlq, 'raw', 'raw');
      const [raw] = await transport.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
      if (raw === undefined) return expect.unreachable();
      expect(raw).toMatchObject({ body: 'raw', headers: {} });
      expect(await transport.deadLetters.purge(BILLING, [raw, ...letters])).toEqual(
        [1, 2, 3, 4, 5].map(() => 'settled'),
      );
      const [other] = await transport.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
      expect(other).toHaveProperty('body', 'raw');
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('takes and ends messages beside us, the oldest first, and sees what we give back', async () => {
      const { transport, queue, processing } = await given();
      await publish(transport, [message({ id: 'a' }), message({ id: 'b' }), message({ id: 'c' })]);
      const theirs = (await server.admin.rpoplpush(queue, processing)) ?? '';
      expect(theirs).toContain('"id":"a"');
      const [ours] = await take(transport, { max: 1 });
      expect(ours).toHaveProperty('id', 'b');
      expect(await server.admin.lrem(processing, 1, theirs)).toBe(1);
      if (ours === undefined) return expect.unreachable();
      await transport.settle(BILLING, settlements([ours], 'release'));
      expect(await server.admin.rpoplpush(queue, processing)).toContain('"id":"b"');
      expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, ready: 1, inFlight: 1 });
    });

    it('loses nothing by dying: what it has taken gets a lease, and comes back when that ends', async () => {
      const { transport, queue, processing } = await given({}, leasing(redisTopology('billing'), 1_500));
      await server.admin.lpush(queue, 'theirs', 'ours');
      await server.admin.rpoplpush(queue, processing);
      await ack(transport, await take(transport));
      const seenAt = await vi.waitUntil(
        async () => {
          // Each look comes half a second after the one before.
          expect(bodiesOf(await take(transport))).toEqual([]);
          return (await server.admin.zcard(`${queue}:leases`)) === 1 ? performance.now() : undefined;
        },
        { timeout: 3_000 },
      );
      const [again] = await vi.waitUntil(async () => nonEmpty(await take(transport)), { timeout: 5_000 });
      expect(performance.now() - seenAt).toBeGreaterThan(1_000);
      expect(again).toMatchObject({ body: 'theirs', deliveries: 2 });
      if (again === undefined) return;
      await ack(transport, [again]);
      expect(await server.admin.llen(processing)).toBe(0);
      expect(await leftOf(queue)).toMatchObject({ leases: 0, returned: 0 });
    });

    it('keeps what it is done with: a lease that it got is dropped with it', async () => {
      const { transport, queue, processing } = await given({}, leasing(redisTopology('billing'), 1_000));
      await server.admin.lpush(queue, 'theirs');
      await server.admin.rpoplpush(queue, processing);
      await take(transport);
      expect(await server.admin.zcard(`${queue}:leases`)).toBe(1);
      await server.admin.lrem(processing, 1, 'theirs');
      await vi.waitFor(
        async () => {
          expect(await take(transport)).toEqual([]);
          expect(await server.admin.zcard(`${queue}:leases`)).toBe(0);
        },
        { timeout: 5_000 },
      );
      expect(await transport.depth(BILLING)).toEqual(EMPTY);
    });

    it('ends nothing of ours, though it is the same', async () => {
      const { transport, queue, processing } = await given();
      await server.admin.lpush(queue, 'a', 'a', 'b');
      await server.admin.rpoplpush(queue, processing);
      const taken = await take(transport);
      expect(bodiesOf(taken)).toEqual(['a', 'b']);
      expect([
        await server.admin.lrem(processing, 0, 'a'),
        await server.admin.lrem(processing, 0, 'b'),
      ]).toEqual([1, 0]);
      await ack(transport, taken);
      expect(await leftOf(queue)).toMatchObject({ lists: 0, returned: 0 });
    });

    it('takes what we have retried, and nothing is kept of it', async () => {
      const { transport, queue, processing } = await given();
      await publish(transport, messages(1));
      const [one] = await take(transport);
      if (one === undefined) return expect.unreachable();
      await transport.settle(BILLING, [{ receipt: one.receipt, action: 'retry', delayMs: 0 }]);
      expect(await leftOf(queue)).toMatchObject({ returned: 1 });
      await server.admin.rpoplpush(queue, processing);
      // Until it is looked at, it might be on its way to a consumer of ours.
      await vi.waitFor(async () => {
        await take(transport);
        expect(await leftOf(queue)).toMatchObject({ returned: 0 });
      }, 3_000);
    });

    it('has thousands in flight, which are looked at by and by', async () => {
      const { transport, lots, processing } = await given({}, leasing(redisTopology('billing'), 60_000));
      await server.admin.lpush(processing, ...Array.from({ length: 2_500 }, (_, n) => `theirs ${n}`));
      await vi.waitFor(
        async () => {
          expect(await take(transport)).toEqual([]);
          expect(await server.admin.hget(lots, '#~')).toBe('2500');
        },
        { timeout: 5_000 },
      );
    });

    it('may have left thousands in the processing list, which come back', async () => {
      const { transport, queue, processing } = await given({}, leasing(redisTopology('billing'), 2_000));
      const stranded = Array.from({ length: 2_500 }, (_, n) => `stranded ${n}`);
      await server.admin.lpush(processing, ...stranded);
      await publish(transport, messages(3));
      const ours = await take(transport);
      expect(ours).toHaveLength(3);
      await ack(transport, ours);
      const found = new Set<string>();
      await vi.waitFor(
        async () => {
          const back = await take(transport, { waitMs: 500 });
          for (const { body } of back) found.add(body);
          await ack(transport, back);
          expect(found.size).toBe(2_500);
        },
        { timeout: 15_000, interval: 10 },
      );
      expect(await transport.depth(BILLING)).toEqual(EMPTY);
      expect(await leftOf(queue)).toMatchObject({ leases: 0, returned: 0 });
    }, 20_000);
  });

  describe('entries that are the same', () => {
    it('are each delivered, and ended one by one', async () => {
      const { transport, queue } = await given();
      await server.admin.lpush(queue, 'same', 'same', 'same');
      const [first, second, third] = await take(transport);
      if (first === undefined || second === undefined || third === undefined) return expect.unreachable();
      await ack(transport, [second]);
      expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 2 });
      expect(await transport.settle(BILLING, settlements([second], 'ack'))).toMatchObject([
        { code: 'LeaseLost' },
      ]);
      await transport.settle(BILLING, settlements([first], 'release'));
      await ack(transport, [third]);
      const again = await take(transport);
      expect(again).toMatchObject([{ body: 'same', deliveries: 1 }]);
      await ack(transport, again);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('keep their own deliveries, when they are retried, and when their lease ends', async () => {
      const { transport, queue } = await given();
      await server.admin.lpush(queue, 'same', 'same');
      const [retried, dropped] = await take(transport, { leaseMs: 300 });
      if (retried === undefined || dropped === undefined) return expect.unreachable();
      await transport.settle(BILLING, [{ receipt: retried.receipt, action: 'retry', delayMs: 0 }]);
      const [second] = await take(transport, { max: 1 });
      expect(second).toMatchObject({ body: 'same', deliveries: 2 });
      if (second === undefined) return;
      await transport.settle(BILLING, [{ receipt: second.receipt, action: 'retry', delayMs: 0 }]);
      const both: Incoming[] = [];
      await vi.waitFor(
        async () => {
          both.push(...(await take(transport)));
          expect(both).toHaveLength(2);
        },
        { timeout: 3_000 },
      );
      expect(both.map(({ deliveries }) => deliveries).toSorted()).toEqual([2, 3]);
      await ack(transport, both);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it.each([
      ['all', ['A', 'y', 'm', 'B']],
      ['three', ['y', 'm', 'B']],
    ])('are no reason to end what another lot has between them: %s of it', async (_, texts) => {
      const { transport, queue } = await given();
      await server.admin.lpush(queue, 'A', 'x', 'm', 'B', 'A', 'y', 'm', 'B');
      const first = await take(transport, { max: 4 });
      const second = await take(transport, { max: 4 });
      await ack(
        transport,
        second.filter(({ body }) => texts.includes(body)),
      );
      const [, one] = first;
      if (one === undefined) return expect.unreachable();
      const retry = [{ receipt: one.receipt, action: 'retry', delayMs: 0 }] as const;
      expect(await transport.settle(BILLING, retry)).toEqual(['settled']);
      const again = await take(transport);
      expect(again).toMatchObject([{ body: 'x', deliveries: 2 }]);
      const others = [...first, ...second].filter(
        (each) => each !== one && !(second.includes(each) && texts.includes(each.body)),
      );
      await ack(transport, [...again, ...others]);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('are told apart from one that another program holds', async () => {
      const { transport, queue, processing } = await given({}, leasing(redisTopology('billing'), 800));
      await server.admin.lpush(queue, 'same');
      const ours = await take(transport);
      expect(ours).toHaveLength(1);
      await server.admin.lpush(queue, 'same');
      await server.admin.rpoplpush(queue, processing);
      const theirs = await vi.waitUntil(async () => nonEmpty(await take(transport)), { timeout: 5_000 });
      expect(theirs).toHaveLength(1);
      await ack(transport, [...ours, ...theirs]);
      expect(await transport.depth(BILLING)).toEqual(EMPTY);
    });
  });

  describe('a lease', () => {
    it('ends for those that were not extended, alone', async () => {
      const { transport, queue } = await given();
      await publish(transport, messages(4));
      const taken = await take(transport, { leaseMs: 400 });
      const [first, , third] = taken;
      if (first === undefined || third === undefined) return expect.unreachable();
      const kept = [third, first];
      expect(
        await transport.extend(
          BILLING,
          kept.map(({ receipt }) => receipt),
          60_000,
        ),
      ).toEqual(['settled', 'settled']);
      const back = await vi.waitUntil(async () => nonEmpty(await take(transport)), { timeout: 3_000 });
      expect(back.map(({ id, deliveries }) => [id, deliveries])).toEqual(
        [taken[1], taken[3]].map((one) => [one?.id, 2]),
      );
      expect(await transport.extend(BILLING, [first.receipt], 60_000)).toEqual(['settled']);
      await ack(transport, kept);
      await ack(transport, back);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('that is over brings back at once what it was of, also to who does not wait', async () => {
      const { transport, queue } = await given();
      const batch = messages(40);
      await publish(transport, batch);
      while ((await take(transport, { max: 1, leaseMs: 500 })).length > 0);
      await vi.waitFor(async () => expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, ready: 40 }));
      const back: Incoming[] = [];
      for (let taken = await take(transport); taken.length > 0; taken = await take(transport))
        back.push(...taken);
      expect(back.map(({ id }) => id).toSorted()).toEqual(batch.map(({ id }) => id).toSorted());
      await ack(transport, back);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('is of each delivery, though a call names one twice', async () => {
      const { transport, queue } = await given();
      await publish(transport, messages(4));
      const taken = await take(transport, { max: 2 });
      const [{ receipt }, other] = taken as [Incoming, Incoming];
      expect(
        await transport.settle(BILLING, [
          { receipt, action: 'ack' },
          { receipt, action: 'ack' },
        ]),
      ).toMatchObject(['settled', { code: 'LeaseLost' }]);
      expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, ready: 2, inFlight: 1 });
      const more = await take(transport);
      const [extended] = more as [Incoming];
      expect(await transport.extend(BILLING, [extended.receipt, extended.receipt], 60_000)).toEqual([
        'settled',
        'settled',
      ]);
      await ack(transport, [other, ...more]);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('that another one of this process extends is of a lot apart from all others', async () => {
      const { transport, queue, another } = await given();
      await publish(transport, messages(3));
      const taken = await take(another());
      const [first] = taken as [Incoming];
      expect(await transport.extend(BILLING, [first.receipt], 60_000)).toEqual(['settled']);
      await ack(transport, taken);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('that is being extended is settled, and extended once more, as what it is then', async () => {
      const { transport, queue } = await given();
      await publish(transport, messages(4));
      const [first, second, third, fourth] = await take(transport);
      if (!first || !second || !third || !fourth) return expect.unreachable();
      const extend = (...all: Incoming[]) =>
        transport.extend(
          BILLING,
          all.map(({ receipt }) => receipt),
          60_000,
        );
      const outcomes = await Promise.all([
        extend(third, first, second),
        extend(second, first),
        transport.settle(BILLING, settlements([first, fourth], 'ack')),
      ]);
      expect(outcomes.flat()).toEqual(Array.from({ length: 7 }, () => 'settled'));
      await ack(transport, [second, third]);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('that is extended while the time is asked for a dead letter ends what it is of, and nothing else', async () => {
      const { transport, queue, dlq, another } = await given();
      await publish(transport, [message({ id: 'a' }), message({ id: 'b' }), message({ id: 'c' })]);
      const [first, second, third] = await take(transport);
      if (!first || !second || !third) return expect.unreachable();
      // It has to connect, and to ask for the time.
      const buried = another().settle(BILLING, [
        { receipt: first.receipt, action: 'deadLetter', headers: {} },
      ]);
      const extended = await transport.extend(BILLING, [third.receipt, first.receipt], 60_000);
      expect([...extended, ...(await buried)]).toEqual(['settled', 'settled', 'settled']);
      expect(await server.admin.lrange(dlq, 0, -1)).toEqual([expect.stringContaining('"id":"a"')]);
      await ack(transport, [second, third]);
      expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
    });

    it('that is over cannot be extended, nor what has been settled', async () => {
      const { transport } = await given();
      await publish(transport, messages(3));
      const [acked, late, other] = await take(transport, { leaseMs: 300 });
      if (acked === undefined || late === undefined || other === undefined) return expect.unreachable();
      await ack(transport, [acked]);
      await vi.waitUntil(async () => nonEmpty(await take(transport)), { timeout: 3_000 });
      const outcomes = await transport.extend(BILLING, [acked.receipt, late.receipt, other.receipt], 60_000);
      expect(outcomes).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    });
  });

  it('what is taken together goes as a whole, or piece by piece, in any order, by several consumers', async () => {
    const { transport, queue, another } = await given();
    await publish(transport, messages(400));
    const other = another();
    const lots = [];
    for (let n = 0; n < 4; n++) lots.push(await take(n % 2 === 0 ? transport : other, { max: 100 }));
    const [first = [], second = [], third = [], fourth = []] = lots;
    expect(await lotsOf(queue)).toHaveLength(4);
    await ack(other, second);
    expect(await lotsOf(queue)).toHaveLength(3);
    await ack(transport, third.slice(10, 90));
    await ack(other, fourth.toReversed());
    await ack(transport, first);
    expect(await lotsOf(queue)).toHaveLength(1);
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, inFlight: 20 });
    await ack(transport, [...third.slice(90), ...third.slice(0, 10)]);
    expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
  });

  it('what is taken are the oldest, in their order', async () => {
    const { transport } = await given();
    const all = messages(50);
    await publish(transport, all);
    const ids = all.map(({ id }) => id);
    for (const [from, to] of [
      [0, 20],
      [20, 45],
      [45, 50],
    ] as const) {
      const taken = await take(transport, { max: to - from });
      expect(taken.map(({ id }) => id)).toEqual(ids.slice(from, to));
    }
  });

  it('what is given back comes first, in its order, and was not delivered', async () => {
    const { transport } = await given();
    const batch = messages(120);
    await publish(transport, batch);
    const taken = await take(transport, { max: 100 });
    await transport.settle(BILLING, settlements(taken, 'release'));
    const again = await take(transport);
    expect(again.map(({ id }) => id)).toEqual(batch.map(({ id }) => id));
    expect(new Set(again.map(({ deliveries }) => deliveries))).toEqual(new Set([1]));
  });

  it('large messages come a few at a time, and are settled', async () => {
    const { transport, queue } = await given();
    const body = 'x'.repeat(1_000_000);
    for (let n = 0; n < 20; n++) await publish(transport, [message({ body })]);
    const first = await take(transport);
    expect(first).toHaveLength(16);
    const rest = await take(transport);
    expect(rest).toHaveLength(4);
    await ack(transport, first.slice(1));
    await ack(transport, [...rest, ...first.slice(0, 1)]);
    expect(await leftOf(queue)).toEqual(NOTHING_LEFT);
  });

  it('large messages behind small ones come a few at a time, too', async () => {
    const { transport } = await given();
    await publish(transport, messages(16));
    const body = 'x'.repeat(1_000_000);
    for (let n = 0; n < 40; n++) await publish(transport, [message({ body })]);
    expect(await take(transport, { max: 500 })).toHaveLength(16 + 8);
  });

  it('a portion is not taken into a list that has one: a call that is sent again', async () => {
    const { transport, topology, queue } = await given();
    await publish(transport, messages(20));
    const taking = taker(topology);
    expect(await taking('.a.1')).toEqual([10, []]);
    expect(await rejection(taking('.a.1'))).toMatchObject({ code: 'Unavailable' });
    expect(await transport.depth(BILLING)).toEqual({ ...EMPTY, ready: 10, inFlight: 10 });
    expect(await Promise.all((await lotsOf(queue)).map((one) => server.admin.llen(one)))).toEqual([10]);
  });

  it('publishes are refused beyond maxDepth, all copies of a message or none', async () => {
    const topology = redisTopology('billing', 'stock');
    const { transport } = await given({ maxDepth: 3 }, topology);
    await publish(transport, messages(2));
    await ack(transport, await take(transport, { address: STOCK }), STOCK);
    const full = { error: { code: 'Throttled', retryable: true } };
    const outcomes = await transport.send('orders', [
      ...messages(2),
      message({ only: ['stock'] }),
      message({ only: ['billing'], delayMs: 60_000 }),
    ]);
    expect(outcomes).toMatchObject(['accepted', full, 'accepted', { ...full, missing: ['billing'] }]);
    expect(outcomes[1]).not.toHaveProperty('missing');
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 3 });
    expect(await transport.depth(STOCK)).toMatchObject({ ready: 2 });
    await ack(transport, await take(transport));
    await publish(transport, messages(1));
  });

  it('a copy that one list refuses is missing there, and sent again there alone', async () => {
    const topology = redisTopology('billing', 'stock');
    const { transport } = await given({}, topology);
    const stock = `${topology.prefix}:{orders}:stock:queue`;
    await server.admin.set(stock, 'not a list');
    const one = message();
    const [outcome] = await transport.send('orders', [one]);
    expect(outcome).toMatchObject({ error: { code: 'Invalid' }, missing: ['stock'] });
    await server.admin.del(stock);
    await publish(transport, [{ ...one, only: ['stock'] }]);
    expect(await take(transport)).toHaveLength(1);
    expect(await take(transport, { address: STOCK })).toHaveLength(1);
  });

  describe('under names of their own', () => {
    const names = {
      queue: 'hokusai:model_ready_queue',
      processing: 'hokusai:processing',
      dlq: 'hokusai:dlq',
    };

    it('lists are used that are there already', async () => {
      await server.admin.lpush(names.queue, 'theirs');
      const { transport } = await given({ names });
      const taken = await take(transport);
      expect(bodiesOf(taken)).toEqual(['theirs']);
      const [list = ''] = await lotsOf(names.queue);
      expect(await server.admin.lrange(list, 0, -1)).toEqual(['theirs']);
      const dead = taken.map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const);
      await transport.settle(BILLING, dead);
      expect(await server.admin.llen(names.dlq)).toBe(1);
    });

    it('the others follow the queue', async () => {
      const { transport } = await given({ names: { queue: 'theirs' } });
      await publish(transport, messages(1));
      await take(transport);
      expect(await lotsOf('theirs')).toHaveLength(1);
    });

    it('there is one subscription, and three names', () => {
      const open =
        (options: RedisListOptions['names'], topology = redisTopology('billing')) =>
        () =>
          openList({ ...server.options, ...(options && { names: options }) }, topology);
      expect(open(names, redisTopology('billing', 'stock'))).toThrow(
        /^queue=hokusai:model_ready_queue names one list, and each of orders\/billing, orders\/stock needs one of its own/,
      );
      expect(open({ queue: 'a', dlq: 'a' })).toThrow(/expected three names that differ/);
      expect(open({ queue: 'a', processing: 'a:lots' })).toThrow(/expected three names that differ/);
    });
  });

  describe('a consumer that waits', () => {
    const waits = () =>
      vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=blmove'));

    it('gets at once what another program pushes', async () => {
      const { transport, queue } = await given();
      const waiting = take(transport, { waitMs: 10_000 });
      await waits();
      const pushedAt = performance.now();
      await server.admin.lpush(queue, 'one', 'two');
      expect(bodiesOf(await waiting)).toEqual(['one', 'two']);
      expect(performance.now() - pushedAt).toBeLessThan(400);
    });

    it('gives back what comes when it wants no more', async () => {
      const { transport, queue, processing } = await given();
      const stop = new AbortController();
      const options = { max: 1, waitMs: 10_000, leaseMs: 60_000, signal: stop.signal };
      const waiting = transport.receive(BILLING, options);
      await waits();
      // The push is ahead of what ends the wait.
      const pushed = server.admin.lpush(queue, 'late');
      stop.abort();
      const taken = await waiting;
      await pushed;
      if (taken.length > 0) return ack(transport, taken);
      await vi.waitFor(async () => expect(await server.admin.lrange(queue, 0, -1)).toEqual(['late']));
      expect(await server.admin.exists(processing)).toBe(0);
    });

    it('knows how often what its move has brought was delivered, though the queue was empty in between', async () => {
      const { topology, transport, queue, processing } = await given();
      await server.admin.lpush(queue, 'moved');
      const [one] = await take(transport);
      if (one === undefined) return expect.unreachable();
      await transport.settle(BILLING, [{ receipt: one.receipt, action: 'retry', delayMs: 0 }]);
      await server.admin.rpoplpush(queue, processing);
      expect(await take(transport)).toEqual([]);
      expect(await taker(topology)('.a.1', 'moved')).toEqual([1, [1, 2]]);
      expect(await leftOf(queue)).toMatchObject({ returned: 0 });
    });

    it('has what its move has brought, though somebody looked in between', async () => {
      const { topology, transport, queue, processing, lots } = await given(
        {},
        leasing(redisTopology('billing'), 500),
      );
      await server.admin.lpush(queue, 'moved');
      await server.admin.rpoplpush(queue, processing);
      await take(transport);
      expect(await server.admin.hget(lots, '#~')).toBe('1');
      const adopt = taker(topology);
      expect(await adopt('.a.1', 'moved')).toEqual([1, []]);
      expect(await server.admin.hmget(lots, '#', '#~')).toEqual(['1', '0']);
      // And nothing that is not there any more.
      expect(await adopt('.a.2', 'gone')).toEqual([0, []]);
      // The other program's lease was of one entry alone, which is over.
      await vi.waitFor(
        async () => {
          expect(await take(transport)).toEqual([]);
          expect(await server.admin.zrange(`${queue}:leases`, '0', '-1')).toEqual(['.a.1.1']);
        },
        { timeout: 3_000 },
      );
    });
  });

  it('nothing is forgotten of who consumes, until it has been away for long', async () => {
    const { transport, topology } = await given({ consumerAwayMs: 1_000 });
    await transport.receive(BILLING, { max: 1, waitMs: 0, leaseMs: 1_000, consumer: 'gone-1-a' });
    const other = openList({ ...server.options, consumerAwayMs: 1_000 }, topology);
    const names = async () => (await other.consumers?.(BILLING))?.map(({ name }) => name).toSorted();
    expect(await names()).toEqual(['gone-1-a']);
    await vi.waitFor(
      async () => {
        await other.receive(BILLING, { max: 1, waitMs: 0, leaseMs: 1_000, consumer: 'here-2-b' });
        expect(await names()).toEqual(['here-2-b']);
      },
      { timeout: 5_000 },
    );
  });

  it('dead letters are shown page by page, round and round', async () => {
    const { transport, dlq } = await given();
    const texts = Array.from({ length: 2_300 }, (_, n) => `letter ${n}`);
    await server.admin.lpush(dlq, ...texts);
    const scan = (max: number) => transport.deadLetters.scan(BILLING, { max, leaseMs: 60_000 });
    const first = await scan(400);
    expect(first.map(({ body }) => body)).toEqual(texts.slice(0, 400));
    expect(await transport.deadLetters.release(BILLING, first.slice(0, 5))).toEqual(
      [1, 2, 3, 4, 5].map(() => 'settled'),
    );
    const seen: string[] = [];
    for (let page = await scan(500); page.length > 0; page = await scan(500)) {
      seen.push(...page.map(({ body }) => body));
    }
    expect(seen.toSorted()).toEqual([...texts.slice(400), ...texts.slice(0, 5)].toSorted());
  });
});

function nonEmpty<One>(list: readonly One[]): readonly One[] | undefined {
  return list.length > 0 ? list : undefined;
}
