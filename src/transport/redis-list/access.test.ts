import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  DENIED,
  expectToEndAtPrefix,
  expectToOperate,
  expectToPublishOnly,
  makeUsers,
  RIGHTS,
} from '../../../test/support/redis-rights.ts';
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
  take,
} from '../../../test/support/redis-transport.ts';
import { createConnection } from '../redis/connection.ts';
import type { Notice, Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';
import { PUT_BACK } from './scripts/receive.ts';

const TOPOLOGY: Topology = { ...leasing(redisTopology('billing', 'stock'), 1_000), prefix: 'hikyaku' };
const QUEUE = 'hikyaku:{orders}:billing:queue';

describe.skipIf(WITHOUT_REDIS)('rights on lists', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    await makeUsers(server, 'list-');
  });
  afterAll(() => server.stop());

  const as = (role: string, topology = TOPOLOGY): Transport =>
    openList(
      { ...server.options, username: `list-${role}`, password: 'change-me', maxDepth: 1_000 },
      topology,
    );

  async function given() {
    await server.admin.flushall();
    const all = openList(server.options, TOPOLOGY);
    await all.provision();
    return { all, publisher: as('publisher'), consumer: as('consumer'), operator: as('operator') };
  }

  it('let a publisher publish, and nothing else', async () => {
    const { all, publisher } = await given();
    await expectToPublishOnly(publisher, all);
  });

  it.each(['consumer', 'relay'])(
    'let a %s consume',
    async (role) => {
      const { all } = await given();
      const consumer = as(role);
      await publish(all, messages(60));
      const receive = { max: 500, waitMs: 1_000, leaseMs: 60_000, consumer: 'worker' };
      const taken = await consumer.receive(BILLING, receive);
      expect(taken).toHaveLength(60);
      const receipts = taken.map(({ receipt }) => receipt);
      expect(await consumer.extend(BILLING, receipts, 30_000)).toEqual(taken.map(() => 'settled'));
      const [retried, later, postponed, released, dead, late, ...acked] = receipts;
      if (!retried || !later || !postponed || !released || !dead || !late) return expect.unreachable();
      const settlements = [
        { receipt: retried, action: 'retry', delayMs: 0 } as const,
        { receipt: later, action: 'retry', delayMs: 300 } as const,
        { receipt: postponed, action: 'postpone', delayMs: 3_600_000 } as const,
        { receipt: released, action: 'release' } as const,
        { receipt: dead, action: 'deadLetter', headers: {} } as const,
        ...acked.map((receipt) => ({ receipt, action: 'ack' }) as const),
      ];
      expect(await consumer.settle(BILLING, settlements)).toEqual(settlements.map(() => 'settled'));
      await ack(consumer, await take(consumer, { waitMs: 1_000 }));
      await ack(consumer, await take(consumer, { waitMs: 2_000 }));
      expect(await consumer.extend(BILLING, [late], 100)).toEqual(['settled']);
      // It lets its own lease end, and what another program has left is seen, and comes back.
      await server.admin.lpush(`${QUEUE}:processing`, 'stranded');
      const again: (number | string)[] = [];
      await expect
        .poll(
          async () => {
            const some = await take(consumer, { waitMs: 500 });
            again.push(...some.map(({ body, deliveries }) => (body === 'stranded' ? body : deliveries)));
            await ack(consumer, some);
            return again;
          },
          { timeout: 8_000 },
        )
        .toEqual([2, 'stranded']);
      // Of several at once, in any order.
      await publish(all, messages(40));
      const first = await take(consumer, { max: 10 });
      const second = await take(consumer, { max: 10 });
      await take(consumer, { max: 10 });
      await ack(consumer, second);
      await ack(consumer, first);
      expect(await consumer.depth(BILLING)).toEqual({ ready: 10, inFlight: 10, delayed: 1, dead: 1 });
      expect(await consumer.consumers?.(BILLING)).toMatchObject([{ name: 'worker' }]);
      // As a drain does when it begins.
      await consumer.provision();
      await consumer.verify();
      const waiting = take(consumer, { max: 11, waitMs: 2_000 });
      expect(await waiting).toHaveLength(10);
      await server.admin.flushall();
      expect(await rejection(take(consumer))).toMatchObject({
        code: 'Unavailable',
        message: expect.stringContaining('made anew'),
      });
      await all.provision();
      if (role === 'relay') return publish(consumer, [message(), message({ delayMs: 60_000 })]);
      for (const fields of [{}, { only: ['billing'] }]) {
        expect(await consumer.send('orders', [message(fields)])).toMatchObject([{ error: DENIED }]);
      }
    },
    20_000,
  );

  it('let an operator look, replay, purge and create, and nothing else', async () => {
    const { all, operator } = await given();
    await publish(all, messages(4));
    const taken = await all.receive(BILLING, { max: 3, waitMs: 0, leaseMs: 60_000, consumer: 'worker' });
    expect(await operator.consumers?.(BILLING)).toMatchObject([{ name: 'worker', inFlight: 3 }]);
    const dead = taken.map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const);
    await all.settle(BILLING, dead);
    await expectToOperate(operator);
  });

  it('say who may not make anew what is gone', async () => {
    const { publisher } = await given();
    await publish(publisher, messages(1));
    await server.admin.flushall();
    expect(await rejection(publisher.send('orders', messages(1)))).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('this user may not make them anew'),
    });
  });

  it('end at the prefix', async () => {
    await expectToEndAtPrefix(['publisher', 'consumer', 'relay', 'operator'], TOPOLOGY, as);
  });

  it('let who publishes notify, who consumes listen, and nobody outside the prefix', async () => {
    const { all } = await given();
    const open = async (role: string, topology = TOPOLOGY) => {
      const url = server.url.replace('://', `+list://list-${role}:change-me@`);
      const transport = await openTransport(url, topology);
      onTestFinished(() => transport.close());
      return transport.broadcast;
    };
    const heard: string[] = [];
    const told = { onNotice: ({ id }: Notice) => void heard.push(id), onAway() {}, onGap() {} };
    const notice = message({ id: 'news' });
    for (const role of ['consumer', 'relay']) {
      const listening = await (await open(role))?.listen('orders', told);
      expect(await (await open('publisher'))?.notify('orders', [notice])).toEqual(['accepted']);
      await vi.waitFor(() => expect(heard).toEqual(['news']));
      await listening?.close();
      heard.length = 0;
    }
    expect(await (await open('relay'))?.notify('orders', [notice])).toEqual(['accepted']);
    const elsewhere = { ...TOPOLOGY, prefix: 'other' };
    for (const [role, topology] of [
      ['consumer', TOPOLOGY],
      ['operator', TOPOLOGY],
      ['publisher', elsewhere],
    ] as const) {
      const notifying = open(role, topology).then((broadcast) => broadcast?.notify('orders', [notice]));
      expect(await rejection(notifying)).toMatchObject(DENIED);
    }
    const listen = async (role: string, topology?: Topology) =>
      (await open(role, topology))?.listen('orders', told);
    expect(await rejection(listen('publisher'))).toMatchObject(DENIED);
    expect(await rejection(listen('consumer', elsewhere))).toMatchObject(DENIED);
    await all.close();
  });

  describe('to lists of other names', () => {
    const NAMES = {
      queue: 'hokusai:model_ready_queue',
      processing: 'hokusai:processing',
      dlq: 'hokusai:dlq',
    };
    const documentation = readFileSync(RIGHTS, 'utf8');
    const CONSUMER = { username: 'named-consumer', password: 'change-me' };

    /** Makes a user, or makes it anew, as the documentation has this one, with other patterns. */
    async function makeUser(like: string, keys: string, ...others: string[]): Promise<void> {
      const [line = ''] = new RegExp(`^ACL SETUSER list-${like} .*$`, 'm').exec(documentation) ?? [];
      const [, , , ...rules] = line.replace('~hikyaku:*', keys).replace(/ \(.*/, '').split(' ');
      await server.admin.acl('SETUSER', `named-${like}`, 'reset', ...rules, ...others);
    }
    const makeConsumer = (keys: string, ...selectors: string[]) => makeUser('consumer', keys, ...selectors);

    async function open(options: string, topology: Topology, user = 'named-consumer:change-me@') {
      const url = server.url.replace('://', `+list://${user}`);
      const transport = await openTransport(`${url}?${options}`, topology);
      onTestFinished(() => transport.close());
      return transport;
    }

    const of = (topic: string): Topology => ({
      prefix: 'hikyaku',
      topics: [{ name: topic, subscriptions: [{ name: 'billing', leaseMs: 300, maxDeliveries: 2 }] }],
    });

    const documented = documentation
      .split('\n')
      .map((line) => [...line.matchAll(/ `([^`]+)` +\|/g)].map(([, cell = '']) => cell))
      .filter(([lists = '']) => /^(?:queue|dialect)=/.test(lists));

    it('are documented for each dialect, and for names of their own', () => {
      expect(documented.map(([lists]) => lists)).toEqual([
        'queue=hokusai:model_ready_queue&processing=hokusai:processing&dlq=hokusai:dlq',
        'queue=hokusai:model_ready_queue',
        'dialect=hokusai',
        'dialect=hokusai-flat',
        'dialect=jobs',
      ]);
    });

    it.each(documented)('let a consumer consume: %s, %s, %s', async (lists, keys = '', selectors = '') => {
      await server.admin.flushall();
      await makeConsumer(keys, ...(selectors.match(/\([^)]*\)/g) ?? []));
      const topic = lists === 'dialect=jobs' ? 'ai_processing' : 'model_ready_to_deploy';
      const queue = topic === 'ai_processing' ? `backfin:queue:${topic}` : NAMES.queue;
      const transport = await open(lists ?? '', of(topic));
      const address = { topic, subscription: 'billing' };
      await transport.provision();
      await server.admin.lpush(queue, '1', '2', '3', '4');
      const receive = { max: 10, waitMs: 0, leaseMs: 60_000 };
      const [acked, retried, dead, last] = await transport.receive(address, { ...receive, leaseMs: 300 });
      if (!acked || !retried || !dead || !last) return expect.unreachable();
      expect(
        await transport.settle(address, [
          { receipt: acked.receipt, action: 'ack' },
          { receipt: retried.receipt, action: 'retry', delayMs: 0 },
          { receipt: dead.receipt, action: 'deadLetter', headers: {} },
        ]),
      ).toEqual(['settled', 'settled', 'settled']);
      // What is left at the end of its last lease becomes a dead letter too.
      await vi.waitFor(async () => {
        await transport.receive(address, { ...receive, leaseMs: 100 });
        expect(await transport.depth(address)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 3 });
      }, 5_000);
      const waiting = transport.receive(address, { ...receive, waitMs: 5_000 });
      await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=blmove'));
      await server.admin.lpush(queue, '5');
      expect(await waiting).toHaveLength(1);
    });

    it('let a publisher tell who listens, where the dialect does', async () => {
      await server.admin.flushall();
      const all = await open('dialect=hokusai', of('orders'), '');
      await all.provision();
      await makeUser('publisher', '~hikyaku:* ~hokusai:*', '&hokusai:*');
      const publisher = await open('dialect=hokusai', of('orders'), 'named-publisher:change-me@');
      const listener = server.admin.duplicate();
      onTestFinished(() => listener.disconnect());
      const heard: string[] = [];
      listener.on('message', (_, text) => heard.push(text));
      await listener.subscribe('hokusai:orders_queue:pubsub');
      const body = '{"specversion":"1.0","id":"i","source":"s","type":"orders","data":{"n":1}}';
      expect(await publisher.send('orders', [message({ body })])).toEqual(['accepted']);
      await vi.waitFor(() => expect(heard).toEqual(['{"n": 1}']));
    });

    it('that do not fit leave all as it was', async () => {
      await server.admin.flushall();
      const options = new URLSearchParams(NAMES).toString();
      const all = await open(options, of('orders'), '');
      await all.provision();
      await publish(all, messages(20));
      for (const [rights, missing] of [
        [[], `LPUSH ${NAMES.dlq}`],
        [[`(~${NAMES.dlq} +lpush)`, '-sort'], `SORT ${NAMES.queue}`],
        [[`(~${NAMES.dlq} +lpush)`, '-ltrim'], `LTRIM ${NAMES.queue}`],
        [[`(~${NAMES.dlq} +lpush)`, '-hincrby'], `HINCRBY ${NAMES.queue}:lots`],
      ] as const) {
        await makeConsumer('~hokusai:*', ...rights);
        const consuming = await open(options, of('orders'));
        const message = expect.stringContaining(`NOPERM this user may not ${missing}`);
        const errors = [await rejection(take(consuming)), await rejection(take(consuming, { waitMs: 500 }))];
        expect(await server.admin.llen(NAMES.queue)).toBe(20);
        expect(await server.admin.hgetall(`${NAMES.queue}:lots`)).toEqual({ '#': '0' });
        expect(errors).toMatchObject([
          { ...DENIED, message },
          { ...DENIED, message },
        ]);
      }
    });

    it('that are taken away end nothing half-way', async () => {
      await server.admin.flushall();
      const options = new URLSearchParams(NAMES).toString();
      const fitting = `(~${NAMES.dlq} +lpush)`;
      await makeConsumer('~hokusai:*', fitting);
      const consuming = await open(options, of('orders'));
      await consuming.provision();
      await server.admin.lpush(NAMES.queue, 'a', 'b', 'c', 'd');
      const [released, retried, dead, last] = await take(consuming);
      if (!released || !retried || !dead || !last) return expect.unreachable();
      const ends = [
        { receipt: dead.receipt, action: 'deadLetter', headers: {} },
        { receipt: released.receipt, action: 'release' },
        { receipt: retried.receipt, action: 'retry', delayMs: 0 },
      ] as const;
      expect(await consuming.extend(BILLING, [last.receipt], 1)).toEqual(['settled']);
      for (const missing of ['-lindex', '-del', '-hdel', '-hincrby']) {
        await makeConsumer('~hokusai:*', fitting, missing);
        expect(await rejection(consuming.settle(BILLING, ends))).toMatchObject(DENIED);
        if (missing !== '-lindex') expect(await rejection(take(consuming))).toMatchObject(DENIED);
      }
      await makeConsumer('~hokusai:*');
      expect(await rejection(consuming.settle(BILLING, ends))).toMatchObject(DENIED);
      // Its lease is over, and it has had one of two deliveries.
      expect(await rejection(take(consuming))).toMatchObject(DENIED);
      expect(await consuming.depth(BILLING)).toEqual({ ready: 1, inFlight: 3, delayed: 0, dead: 0 });
      await makeConsumer('~hokusai:*', fitting);
      expect(await consuming.settle(BILLING, ends)).toEqual(['settled', 'settled', 'settled']);
      const again = [...(await take(consuming)), ...(await take(consuming))];
      expect(again.map(({ body }) => body).toSorted()).toEqual(['a', 'b', 'd']);
      expect(await server.admin.llen(NAMES.dlq)).toBe(1);
    });

    it('leave in process what a move has brought and may not be given back', async () => {
      await server.admin.flushall();
      await makeConsumer('~hokusai:*', '-rpush');
      await server.admin.lpush(NAMES.processing, 'late');
      const connection = createConnection({ ...server.options, ...CONSUMER });
      onTestFinished(() => connection.close());
      const call = connection.run(PUT_BACK, [NAMES.processing, NAMES.queue], ['late']);
      expect(await rejection(call)).toMatchObject(DENIED);
      expect(await server.admin.lrange(NAMES.processing, 0, -1)).toEqual(['late']);
    });
  });
});
