import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { answering } from '../../../test/support/answering.ts';
import { freePort, type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { givenTraffic } from '../../../test/support/redis-traffic.ts';
import {
  ack,
  BILLING,
  message,
  messages,
  openRedis,
  publish,
  redisTopology,
  rejection,
  take,
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import { createConnection } from '../redis/connection.ts';
import type { Incoming, Transport } from '../transport.ts';

describe.skipIf(WITHOUT_REDIS)('on a Redis that fails, the driver', () => {
  let server: RedisServer;
  beforeEach(async () => {
    // Else it answers, while its last sync takes long, without having written.
    server = await startRedis({ appendfsync: 'always' });
  });
  afterEach(() => server.stop());

  async function given(options = server.options) {
    const topology = redisTopology('billing');
    const transport = openRedis(options, topology);
    await openRedis(server.options, topology).provision();
    return {
      transport,
      topology,
      own: `${topology.prefix}:{orders}`,
      stream: `${topology.prefix}:{orders}:stream`,
    };
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

  it('does not connect again for a call that was between two steps when it was closed', async () => {
    const connection = createConnection(server.options);
    await connection.call('PING');
    connection.close();
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).not.toMatch(/\n./));
    expect(await rejection(connection.call('PING'))).toMatchObject({ code: 'Closed' });
  });

  it('loses nothing when the server is killed and comes back, and goes on by itself', async () => {
    const { transport } = await given();
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
    expect(said.join('\n')).toMatch(
      /had lost 1 of the groups of orders .*the stream had \d+ entries when last seen/,
    );
  });

  it('tells a consumer that waits that all is gone, and what there was', async () => {
    const { transport } = await given();
    await publish(transport, messages(3));
    const taken = await take(transport);
    await ack(transport, taken.slice(0, 1));
    const waiting = take(transport, { waitMs: 10_000 });
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=xreadgroup'));
    await server.admin.flushall();
    const error = await rejection(waiting);
    expect(error).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(String(error)).toMatch(/made anew; the stream had [23] entries when last seen/);
    const settled = await transport.settle(
      BILLING,
      taken.slice(1).map(({ receipt }) => ({ receipt, action: 'ack' })),
    );
    expect(settled).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(1);
  });

  it('makes a group anew that somebody has destroyed, from the beginning', async () => {
    const { transport, stream } = await given();
    await publish(transport, messages(2));
    expect(await take(transport, { max: 1 })).toHaveLength(1);
    await server.admin.xgroup('DESTROY', stream, 'billing');
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(await take(transport)).toHaveLength(2);
  });

  it('does not create for somebody who has never seen it', async () => {
    const transport = openRedis(server.options, redisTopology('billing'));
    for (const call of [
      () => publish(transport, messages(1)),
      () => take(transport),
      () => transport.depth(BILLING),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'NotFound' });
    }
  });

  it('says which keys are not its own', async () => {
    const { transport, own } = await given();
    await publish(transport, messages(2));
    const taken = await take(transport);
    await server.admin.set(`${own}:billing:waiting`, 'x');
    const retry = taken.slice(0, 1).map(({ receipt }) => ({ receipt, action: 'retry', delayMs: 5 }) as const);
    const mapped = {
      code: 'Invalid',
      message: expect.stringMatching(/WRONGTYPE.*delete the key, or set another prefix/),
    };
    expect(await rejection(transport.settle(BILLING, retry))).toMatchObject(mapped);
    await server.admin.del(`${own}:billing:waiting`);
    await server.admin.set(`${own}:billing:bodies`, 'x');
    expect(await transport.settle(BILLING, retry)).toMatchObject([mapped]);
    expect(await transport.send('orders', [message({ delayMs: 1_000 })])).toMatchObject([
      { error: mapped, missing: ['billing'] },
    ]);
    // Nothing was lost over it.
    expect(await transport.depth(BILLING)).toMatchObject({ inFlight: 2 });
    await server.admin.del(`${own}:billing:bodies`);
    await ack(transport, taken);
    await server.admin.set(`${own}:stream`, 'x');
    expect(await rejection(publish(transport, messages(1)))).toMatchObject(mapped);
    expect(await rejection(take(transport))).toMatchObject(mapped);
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
    const receipts = rest.map(({ receipt }) => receipt);
    expect(await transport.extend(BILLING, receipts, 90_000)).toEqual(rest.map(() => 'settled'));
    await ack(transport, rest);
    const again = await vi.waitUntil(async () => takeOrNothing(transport), { timeout: 10_000 });
    expect(idsOf(again)).toEqual(idsOf(abandoned));
    await ack(transport, again);
    await server.admin.config('SET', 'maxmemory', '0');
    await publish(transport, messages(1));
    expect(await transport.depth(BILLING)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 25 });
  });

  it('waits while there are fewer replicas than the server wants before it writes', async () => {
    const { transport } = await given();
    await publish(transport, messages(2));
    const taken = await take(transport, { max: 1 });
    await server.admin.config('SET', 'min-replicas-to-write', '1');
    const away = {
      code: 'Unavailable',
      retryable: true,
      message: expect.stringContaining('answered: NOREPLICAS'),
    };
    const sent = await transport.send('orders', messages(1)).catch((error: unknown) => [{ error }]);
    expect(sent).toMatchObject([{ error: away }]);
    expect(await rejection(take(transport))).toMatchObject(away);
    const acks = taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    expect(await rejection(transport.settle(BILLING, acks))).toMatchObject(away);
    await server.admin.config('SET', 'min-replicas-to-write', '0');
    expect(await transport.settle(BILLING, acks)).toEqual(['settled']);
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(2);
  });

  it('says that a replica is one, and goes on when it is promoted', async () => {
    const { transport, topology } = await given();
    await publish(transport, messages(3));
    await server.admin.config('SET', 'repl-diskless-sync-delay', '0');
    const replica = await startRedis({ replicaof: `127.0.0.1\n${server.port}` });
    onTestFinished(() => replica.stop());
    const there = openRedis(replica.options, topology);
    await vi.waitFor(
      async () => expect(await replica.admin.info('replication')).toContain('master_link_status:up'),
      { timeout: 10_000 },
    );
    const mapped = {
      code: 'Unavailable',
      message: expect.stringMatching(/READONLY.*give the address of the primary/),
    };
    for (const call of [
      () => there.send('orders', messages(1)),
      () => take(there),
      () => there.provision(),
    ]) {
      expect(await rejection(call())).toMatchObject(mapped);
    }
    await replica.admin.replicaof('NO', 'ONE');
    expect(await take(there)).toHaveLength(3);
  });

  it('says that a server is away, and since when it is back', async () => {
    const { transport } = await given();
    const { port } = server;
    await server.kill();
    const away = {
      code: 'Unavailable',
      message: expect.stringContaining(`127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`),
    };
    expect(await rejection(transport.send('orders', messages(1)))).toMatchObject(away);
    expect(await rejection(take(transport, { waitMs: 5_000 }))).toMatchObject(away);
    await server.start();
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(1);
  });

  it('waits while the server loads its data', async () => {
    const fake = await answering('-LOADING Redis is loading the dataset in memory');
    const loading = openRedis({ ...server.options, port: fake }, redisTopology('billing'));
    expect(await rejection(take(loading))).toMatchObject({ code: 'Unavailable', retryable: true });
  });

  it('refuses a server that is too old', async () => {
    const hello = ['server', 'redis', 'version', '6.0.16', 'proto'].map(
      (text) => `$${text.length}\r\n${text}\r\n`,
    );
    const port = await answering(
      `*10\r\n${hello.join('')}:2\r\n$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone`,
    );
    const old = openRedis({ ...server.options, port }, redisTopology('billing'));
    expect(await rejection(old.provision())).toMatchObject({
      code: 'Unsupported',
      message: expect.stringContaining('is redis 6.0.16: Redis 7.0 or Valkey 7.2 is needed'),
    });
    const older = await answering("-ERR unknown command 'HELLO', with args beginning with: ");
    expect(
      await rejection(openRedis({ ...server.options, port: older }, redisTopology('billing')).verify()),
    ).toMatchObject({
      code: 'Unsupported',
    });
  });

  it('gives up a connection that has gone silent, and makes another', async () => {
    const proxy = await startTcpProxy(server.port);
    onTestFinished(() => proxy.stop());
    const { transport, topology } = await given({ ...server.options, port: proxy.port });
    const direct = openRedis(server.options, topology);
    const waiting = take(transport, { waitMs: 15_000 });
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=xreadgroup'));
    proxy.silence();
    const [sent, waited] = await Promise.all([
      rejection(transport.send('orders', messages(1))),
      rejection(waiting),
    ]);
    expect(sent).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(waited).toMatchObject({ code: 'Unavailable', retryable: true });
    proxy.heal();
    await publish(direct, messages(1));
    expect(await take(transport, { waitMs: 2_000 })).toHaveLength(1);
  });

  it('does not wait for a silent server to close', async () => {
    const { transport } = await given();
    const waiting = take(transport, { waitMs: 15_000 }).catch(() => []);
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=xreadgroup'));
    server.pause();
    onTestFinished(() => server.resume());
    const closedAt = performance.now();
    await transport.close();
    await waiting;
    expect(performance.now() - closedAt).toBeLessThan(3_000);
  });

  it('says whom it did not reach', async () => {
    const port = await freePort();
    const nobody = openRedis({ ...server.options, port }, redisTopology('billing'));
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
