import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { answering } from '../../../test/support/answering.ts';
import { freePort, type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { givenTraffic } from '../../../test/support/redis-traffic.ts';
import {
  ack,
  BILLING,
  idsOf,
  leasing,
  message,
  messages,
  openList,
  openRedis,
  publish,
  redisTopology,
  rejection,
  take,
  takeOrNothing,
} from '../../../test/support/redis-transport.ts';

const DRIVERS = [
  {
    on: 'streams',
    open: openRedis,
    waits: 'cmd=xreadgroup',
    gone: /had lost 1 of the groups of orders .*the stream had \d+ entries when last seen/,
  },
  {
    on: 'lists',
    open: openList,
    waits: 'cmd=blmove',
    gone: /had lost 1 of the queues of orders .*: made anew; .*:queue had \d+ entries when last seen/,
  },
];

describe.skipIf(WITHOUT_REDIS).each(DRIVERS)('on a Redis that fails, the driver on $on', (driver) => {
  const { open, waits, gone } = driver;
  let server: RedisServer;
  beforeEach(async () => {
    // Else it answers, while its last sync takes long, without having written.
    server = await startRedis({ appendfsync: 'always' });
  });
  afterEach(() => server.stop());

  async function given(topology = redisTopology('billing')) {
    const transport = open(server.options, topology);
    await transport.provision();
    return { transport, topology };
  }

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

  it('goes on after FLUSHALL, and says what is gone', async () => {
    const { transport } = await given();
    const traffic = givenTraffic(transport);
    await traffic.flows();
    await server.admin.flushall();
    await traffic.flows();
    const said = traffic.events.flatMap((event) => ('error' in event ? [event.error] : []));
    expect(said.join('\n')).toMatch(gone);
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
    // All of what was taken together, and then some of it.
    for (const extended of [rest, rest.slice(7)]) {
      const receipts = extended.map(({ receipt }) => receipt);
      expect(await transport.extend(BILLING, receipts, 90_000)).toEqual(receipts.map(() => 'settled'));
    }
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
    const there = open(replica.options, topology);
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
    const loading = open({ ...server.options, port: fake }, redisTopology('billing'));
    expect(await rejection(take(loading))).toMatchObject({ code: 'Unavailable', retryable: true });
  });

  it('does not wait for a silent server to close', async () => {
    const { transport } = await given();
    const waiting = take(transport, { waitMs: 15_000 }).catch(() => []);
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain(waits));
    server.pause();
    onTestFinished(() => server.resume());
    const closedAt = performance.now();
    await transport.close();
    await waiting;
    expect(performance.now() - closedAt).toBeLessThan(3_000);
  });

  it('says whom it did not reach', async () => {
    const port = await freePort();
    const nobody = open({ ...server.options, port }, redisTopology('billing'));
    expect(await rejection(nobody.verify())).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining(`Redis at 127.0.0.1:${port} cannot be reached`),
    });
  });
});
