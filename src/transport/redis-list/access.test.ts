import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  DENIED,
  expectToEndAtPrefix,
  expectToOperate,
  expectToPublishOnly,
  makeUsers,
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
import type { Notice, Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

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
      const [retried, later, released, dead, late, ...acked] = receipts;
      if (!retried || !later || !released || !dead || !late) return expect.unreachable();
      const settlements = [
        { receipt: retried, action: 'retry', delayMs: 0 } as const,
        { receipt: later, action: 'retry', delayMs: 300 } as const,
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
      // A block in the middle is removed too.
      await publish(all, messages(40));
      const first = await take(consumer, { max: 10 });
      const second = await take(consumer, { max: 10 });
      await take(consumer, { max: 10 });
      await ack(consumer, second);
      await ack(consumer, first);
      expect(await consumer.depth(BILLING)).toEqual({ ready: 10, inFlight: 10, delayed: 0, dead: 1 });
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
});
