import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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
  take,
} from '../../../test/support/redis-transport.ts';
import type { Notice, Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

const DOCS = join(import.meta.dirname, '../../../docs/how-to/redis.md');
const TOPOLOGY: Topology = { ...leasing(redisTopology('billing', 'stock'), 1_000), prefix: 'hikyaku' };
const QUEUE = 'hikyaku:{orders}:billing:queue';
const DENIED = { code: 'Denied', retryable: false };

describe.skipIf(WITHOUT_REDIS)('rights on lists', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
    for (const line of readFileSync(DOCS, 'utf8').split('\n')) {
      if (!line.startsWith('ACL SETUSER list-')) continue;
      const [, , user = '', ...rules] = line.match(/\([^)]*\)|\S+/g) ?? [];
      await server.admin.acl('SETUSER', user, ...rules);
    }
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
    await publish(publisher, [...messages(2), message({ delayMs: 60_000 }), message({ only: ['billing'] })]);
    await publisher.verify();
    expect(await all.depth(BILLING)).toEqual({ ready: 3, inFlight: 0, delayed: 1, dead: 0 });
    const [delivery] = await take(all, { max: 1 });
    if (delivery === undefined) return expect.unreachable();
    const { receipt } = delivery;
    for (const call of [
      () => take(publisher),
      () => publisher.settle(BILLING, [{ receipt, action: 'ack' }]),
      () => publisher.extend(BILLING, [receipt], 1_000),
      () => publisher.deadLetters.scan(BILLING, { max: 1, leaseMs: 1_000 }),
      () => publisher.provision(),
      async () => publisher.consumers?.(BILLING),
    ]) {
      expect(await rejection(call())).toMatchObject(DENIED);
    }
    expect(await publisher.warnings?.()).toEqual([expect.stringContaining('may not run CONFIG GET')]);
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
    expect(await operator.depth(BILLING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 3 });
    const letters = await operator.deadLetters.scan(BILLING, { max: 10, leaseMs: 60_000 });
    const [replayed, purged, released] = letters;
    if (!replayed || !purged || !released) return expect.unreachable();
    expect(await operator.deadLetters.replay(BILLING, [{ letter: replayed, headers: {} }])).toEqual([
      'settled',
    ]);
    expect(await operator.deadLetters.purge(BILLING, [purged])).toEqual(['settled']);
    expect(await operator.deadLetters.release(BILLING, [released])).toEqual(['settled']);
    expect(await operator.deadLetters.release(BILLING, [purged])).toMatchObject([{ code: 'NotFound' }]);
    expect(await operator.depth(BILLING)).toMatchObject({ ready: 2, dead: 1 });
    await operator.provision();
    await operator.verify();
    expect(await operator.warnings?.()).toEqual([
      expect.stringContaining('syncs its disk once a second'),
      expect.stringContaining('has no replica'),
    ]);
    const [sent] = await operator.send('orders', [message()]).catch((error: unknown) => [{ error }]);
    expect(sent).toMatchObject({ error: DENIED });
    expect(await rejection(take(operator))).toMatchObject(DENIED);
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
    for (const role of ['publisher', 'consumer', 'relay', 'operator']) {
      const transport = as(role, { ...TOPOLOGY, prefix: 'foreign' });
      for (const call of [
        () => transport.send('orders', messages(1)),
        () => take(transport),
        () => transport.depth(BILLING),
        () => transport.provision(),
      ]) {
        expect(await rejection(call())).toMatchObject(DENIED);
      }
    }
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
