import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { givenTraffic } from '../../../test/support/redis-traffic.ts';
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
  takeOrNothing,
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { Incoming } from '../transport.ts';

describe.skipIf(WITHOUT_REDIS)('on a Redis that fails, the driver on lists', () => {
  let server: RedisServer;
  beforeEach(async () => {
    // Else it answers, while its last sync takes long, without having written.
    server = await startRedis({ appendfsync: 'always' });
  });
  afterEach(() => server.stop());

  async function given(topology = redisTopology('billing')) {
    const transport = openList(server.options, topology);
    await transport.provision();
    return { transport, topology, queue: `${topology.prefix}:{orders}:billing:queue` };
  }

  const waits = () =>
    vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=blmove'));

  it('loses nothing when its connections are killed, also while it waits', async () => {
    const { transport } = await given(leasing(redisTopology('billing'), 1_000));
    const traffic = givenTraffic(transport);
    const kill = () => server.admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    for (let round = 0; round < 5; round++) {
      await traffic.flows(50);
      await kill();
    }
    expect(await traffic.settle()).toEqual([]);
    await waits();
    await kill();
    await waits();
    expect(traffic.events.some(({ event }) => event === 'carrier_back')).toBe(true);
  }, 20_000);

  it('gets back what its move had taken when the connection died', async () => {
    const short = leasing(redisTopology('billing'), 1_000);
    const proxy = await startTcpProxy(server.port);
    onTestFinished(() => proxy.stop());
    const waiting = openList({ ...server.options, port: proxy.port }, short);
    const direct = openList(server.options, short);
    await direct.provision();
    const lost = rejection(take(waiting, { waitMs: 15_000 }));
    await waits();
    proxy.silence();
    await publish(direct, messages(1));
    expect(await direct.depth(BILLING)).toMatchObject({ ready: 0, inFlight: 1 });
    const again = await vi.waitUntil(async () => takeOrNothing(direct), { timeout: 5_000 });
    expect(again).toMatchObject([{ deliveries: 2 }]);
    await ack(direct, again);
    expect(await lost).toMatchObject({ code: 'Unavailable', retryable: true });
  }, 15_000);

  it('tells a consumer that waits that all is gone, and what there was', async () => {
    const { transport, queue } = await given();
    await publish(transport, messages(3));
    const taken = await take(transport, { max: 2 });
    await ack(transport, taken.slice(0, 1));
    const rest = await take(transport);
    const waiting = take(transport, { waitMs: 10_000 });
    await waits();
    await server.admin.flushall();
    const error = await rejection(waiting);
    expect(error).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(String(error)).toContain(`made anew; ${queue} had 0 entries when last seen`);
    const settled = await transport.settle(
      BILLING,
      [...taken.slice(1), ...rest].map(({ receipt }) => ({ receipt, action: 'ack' })),
    );
    expect(settled).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(1);
  });

  it('keeps what is published after FLUSHALL, before anybody has noticed', async () => {
    const { transport, topology } = await given();
    await publish(transport, messages(1));
    await ack(transport, await take(transport));
    await server.admin.flushall();
    await publish(transport, messages(2));
    expect(await rejection(openList(server.options, topology).depth(BILLING))).toMatchObject({
      code: 'NotFound',
    });
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(await take(transport)).toHaveLength(2);
  });

  it('goes on when what it has in flight is gone, or what is known of it', async () => {
    const { transport, queue } = await given();
    await publish(transport, messages(6));
    const lost = [{ code: 'LeaseLost' }, { code: 'LeaseLost' }];
    const acks = (deliveries: Incoming[]) =>
      deliveries.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    const first = await take(transport, { max: 2 });
    await server.admin.del(...(await server.admin.keys(`${queue}:lots:*`)));
    expect(await transport.settle(BILLING, acks(first))).toMatchObject(lost);
    expect(
      await transport.extend(
        BILLING,
        first.map(({ receipt }) => receipt),
        1_000,
      ),
    ).toMatchObject(lost);
    const second = await take(transport, { max: 1 });
    await server.admin.del(`${queue}:lots`, `${queue}:leases`);
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(await transport.settle(BILLING, acks(second))).toMatchObject([{ code: 'LeaseLost' }]);
    const third = await take(transport, { max: 1 });
    await server.admin.del(`${queue}:lots`);
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(await transport.settle(BILLING, acks(third))).toEqual(['settled']);
    expect(await transport.depth(BILLING)).toEqual({ ready: 2, inFlight: 0, delayed: 0, dead: 0 });
    expect(await take(transport)).toHaveLength(2);
  });

  it('does not create for somebody who has never seen it', async () => {
    const transport = openList(server.options, redisTopology('billing'));
    for (const call of [
      () => publish(transport, messages(1)),
      () => take(transport),
      () => transport.depth(BILLING),
      () => transport.verify(),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'NotFound' });
    }
    expect(await server.admin.dbsize()).toBe(0);
  });

  it('says which keys are not its own, and loses nothing over it', async () => {
    const { transport, queue } = await given();
    await publish(transport, messages(4));
    const taken = await take(transport, { max: 3, leaseMs: 1_000 });
    const [retried, dead, released] = taken.map(({ receipt }) => receipt);
    if (!retried || !dead || !released) return expect.unreachable();
    const mapped = {
      code: 'Invalid',
      message: expect.stringMatching(/WRONGTYPE.*delete the key, or set another prefix/),
    };
    const each = [
      [`${queue}:delayed`, { receipt: retried, action: 'retry', delayMs: 5 }],
      [`${queue}:returned`, { receipt: retried, action: 'retry', delayMs: 0 }],
      [`${queue}:dlq`, { receipt: dead, action: 'deadLetter', headers: {} }],
    ] as const;
    for (const [key, settlement] of each) {
      await server.admin.set(key, 'x');
      expect(await rejection(transport.settle(BILLING, [settlement])), key).toMatchObject(mapped);
      if (key !== `${queue}:dlq`) expect(await rejection(take(transport)), key).toMatchObject(mapped);
      await server.admin.del(key);
    }
    expect(await transport.depth(BILLING)).toMatchObject({ inFlight: 3 });
    await server.admin.rename(queue, 'aside');
    await server.admin.set(queue, 'x');
    for (const settlement of [
      { receipt: released, action: 'release' } as const,
      { receipt: retried, action: 'retry', delayMs: 0 } as const,
    ]) {
      expect(await rejection(transport.settle(BILLING, [settlement]))).toMatchObject(mapped);
    }
    expect(await rejection(take(transport, { waitMs: 1_000 }))).toMatchObject(mapped);
    expect(await transport.send('orders', [message(), message({ delayMs: 10_000 })])).toMatchObject([
      { error: mapped, missing: ['billing'] },
      'accepted',
    ]);
    expect(await transport.send('orders', messages(2))).toMatchObject([{ error: mapped }, { error: mapped }]);
    await server.admin.rename('aside', queue);
    const again: Incoming[] = [];
    await vi.waitFor(async () => {
      again.push(...(await take(transport)));
      expect(again).toHaveLength(4);
    }, 5_000);
    expect(again.map(({ deliveries }) => deliveries).toSorted()).toEqual([1, 2, 2, 2]);
  });
});
