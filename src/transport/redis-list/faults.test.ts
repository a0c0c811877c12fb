import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { answering } from '../../../test/support/answering.ts';
import { freePort, type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
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
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { Incoming, Transport } from '../transport.ts';

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

  it('loses nothing when the scripts are forgotten', async () => {
    const { transport } = await given();
    const traffic = givenTraffic(transport);
    for (let round = 0; round < 5; round++) {
      await traffic.flows();
      await server.admin.script('FLUSH');
    }
    expect(await traffic.settle()).toEqual([]);
    expect(traffic.events.filter(({ event }) => event === 'carrier_unavailable')).toEqual([]);
  });

  it('loses nothing when the server is killed and comes back, and goes on by itself', async () => {
    // What a move has brought whose answer got lost comes back after that.
    const { transport } = await given(leasing(redisTopology('billing'), 1_000));
    const traffic = givenTraffic(transport);
    for (let round = 0; round < 2; round++) {
      await traffic.flows();
      await server.kill();
      await vi.waitFor(() =>
        expect(traffic.events.filter(({ event }) => event === 'carrier_unavailable').length).toBeGreaterThan(
          round,
        ),
      );
      await server.start();
      await traffic.flows();
    }
    // Killed, not cut from power: what was written to the AOF is with the operating system.
    expect(await traffic.settle()).toEqual([]);
    expect(traffic.events.some(({ event }) => event === 'carrier_back')).toBe(true);
  });

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

  it('goes on after FLUSHALL, and says what is gone', async () => {
    const { transport } = await given();
    const traffic = givenTraffic(transport);
    await traffic.flows();
    await server.admin.flushall();
    await traffic.flows();
    const said = traffic.events.flatMap((event) => ('error' in event ? [event.error] : []));
    expect(said.join('\n')).toMatch(
      /had lost 1 of the queues of orders .*: made anew; .*:queue had \d+ entries when last seen/,
    );
  });

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

  it('goes on when the processing list is gone, or what stands beside it', async () => {
    const { transport, queue } = await given();
    await publish(transport, messages(4));
    const taken = await take(transport, { max: 2 });
    await server.admin.del(`${queue}:processing`);
    expect(
      await transport.settle(
        BILLING,
        taken.map(({ receipt }) => ({ receipt, action: 'ack' })),
      ),
    ).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    const others = await take(transport);
    expect(others).toHaveLength(2);
    await server.admin.del(`${queue}:lots`, `${queue}:leases`);
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(
      await transport.settle(
        BILLING,
        others.map(({ receipt }) => ({ receipt, action: 'ack' })),
      ),
    ).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    // Nobody knows any more whose they are: they are treated as another program's.
    await vi.waitFor(async () => {
      await take(transport);
      expect(await server.admin.hget(`${queue}:lots`, '#~')).toBe('2');
    });
    expect(await transport.depth(BILLING)).toMatchObject({ inFlight: 2 });
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
    expect(await server.admin.llen(`${queue}:processing`)).toBe(3);
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

  it('refuses to publish when the memory is full, and goes on consuming', async () => {
    const { transport } = await given();
    await publish(transport, messages(305));
    const taken = await take(transport, { max: 100 });
    const abandoned = await take(transport, { max: 5, leaseMs: 1_000 });
    await server.admin.config('SET', 'maxmemory-policy', 'noeviction');
    await server.admin.config('SET', 'maxmemory', '1');
    for (const fields of [{}, { delayMs: 50 }]) {
      expect(await transport.send('orders', [message(fields)])).toMatchObject([
        {
          error: { code: 'Throttled', retryable: true, message: expect.stringMatching(/OOM.*Redis is full/) },
        },
      ]);
    }
    const settlements = taken.map(({ receipt }, index) =>
      index % 4 === 0
        ? ({ receipt, action: 'ack' } as const)
        : index % 4 === 1
          ? ({ receipt, action: 'retry', delayMs: 0 } as const)
          : index % 4 === 2
            ? ({ receipt, action: 'release' } as const)
            : ({ receipt, action: 'deadLetter', headers: {} } as const),
    );
    expect(await transport.settle(BILLING, settlements)).toEqual(settlements.map(() => 'settled'));
    const rest = await take(transport);
    expect(rest).toHaveLength(250);
    const receipts = rest.slice(7).map(({ receipt }) => receipt);
    expect(await transport.extend(BILLING, receipts, 90_000)).toEqual(receipts.map(() => 'settled'));
    await ack(transport, rest);
    const again = await vi.waitUntil(async () => takeOrNothing(transport), { timeout: 10_000 });
    expect(idsOf(again)).toEqual(idsOf(abandoned));
    await ack(transport, again);
    await server.admin.config('SET', 'maxmemory', '0');
    await publish(transport, messages(1));
    expect(await transport.depth(BILLING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 25 });
  });

  it('says that a replica is one, and goes on when it is promoted', async () => {
    const { transport, topology } = await given();
    await publish(transport, messages(3));
    await server.admin.config('SET', 'repl-diskless-sync-delay', '0');
    const replica = await startRedis({ replicaof: `127.0.0.1\n${server.port}` });
    onTestFinished(() => replica.stop());
    const there = openList(replica.options, topology);
    await vi.waitFor(
      async () => expect(await replica.admin.info('replication')).toContain('master_link_status:up'),
      { timeout: 10_000 },
    );
    const mapped = {
      code: 'Unavailable',
      message: expect.stringMatching(/READONLY.*give the address of the primary/),
    };
    await there.verify();
    for (const call of [
      () => there.send('orders', messages(1)),
      () => there.send('orders', [message({ delayMs: 1_000 })]),
      () => take(there),
      () => there.provision(),
    ]) {
      expect(await rejection(call())).toMatchObject(mapped);
    }
    await replica.admin.replicaof('NO', 'ONE');
    expect(await take(there)).toHaveLength(3);
  });

  it('waits while the server loads its data', async () => {
    const fake = await answering('-LOADING Redis is loading the dataset in memory');
    const loading = openList({ ...server.options, port: fake }, redisTopology('billing'));
    expect(await rejection(take(loading))).toMatchObject({ code: 'Unavailable', retryable: true });
  });

  it('does not wait for a silent server to close', async () => {
    const { transport } = await given();
    const waiting = take(transport, { waitMs: 15_000 }).catch(() => []);
    await waits();
    server.pause();
    onTestFinished(() => server.resume());
    const closedAt = performance.now();
    await transport.close();
    await waiting;
    expect(performance.now() - closedAt).toBeLessThan(3_000);
  });

  it('says whom it did not reach', async () => {
    const port = await freePort();
    const nobody = openList({ ...server.options, port }, redisTopology('billing'));
    expect(await rejection(nobody.verify())).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining(`Redis at 127.0.0.1:${port} cannot be reached`),
    });
  });
});

async function takeOrNothing(transport: Transport): Promise<Incoming[] | undefined> {
  const received = await take(transport, { waitMs: 500 });
  return received.length > 0 ? received : undefined;
}

const idsOf = (deliveries: readonly Incoming[]): string[] => deliveries.map(({ id }) => id).toSorted();
