import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { freePort, type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { MASTER, type RedisSentinels, startSentinels } from '../../../test/support/redis-sentinel.ts';
import { givenTraffic } from '../../../test/support/redis-traffic.ts';
import {
  BILLING,
  messages,
  publish,
  redisTopology,
  rejection,
  take,
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

/** A failover may take so long, and is not waited for any longer. */
const PATIENCE = 30_000;

async function open(url: string, topology: Topology = redisTopology('billing')): Promise<Transport> {
  const transport = await openTransport(url, topology);
  onTestFinished(() => transport.close());
  return transport;
}

/** Waits until a server has been told that there is another master. */
async function isReplica({ admin }: RedisServer): Promise<void> {
  await vi.waitFor(async () => expect(String(await admin.call('ROLE'))).toMatch(/^slave/), {
    timeout: PATIENCE,
  });
}

describe.skipIf(WITHOUT_REDIS)('behind Sentinels, the driver', () => {
  let set: RedisSentinels;
  beforeEach(async () => {
    set = await startSentinels();
  });
  afterEach(() => set.stop());

  /** Addresses of Sentinels, by their ports. */
  function urlOf(...ports: readonly number[]): string {
    const [first, ...others] = ports.map((port) => `127.0.0.1:${port}`);
    return `redis://${first}?master=${MASTER}&sentinels=${others.join(',')}`;
  }

  it('goes on at another master when the first is killed, and loses nothing that this one had', async () => {
    const transport = await open(set.url);
    await transport.provision();
    const traffic = givenTraffic(transport);
    await traffic.flows();
    // What was accepted from now on might be lost with the master: it does not wait for its replicas.
    await traffic.pause();
    const master = await set.master();
    await master.admin.set('mark', 1);
    expect(await master.admin.wait(2, 10_000)).toBe(2);
    await master.kill();
    traffic.resume();
    await traffic.flows(200, PATIENCE);
    expect(await traffic.settle()).toEqual([]);
    expect(await set.master()).not.toBe(master);
    expect(traffic.events.some(({ event }) => event === 'carrier_unavailable')).toBe(true);
    expect(traffic.events.some(({ event }) => event === 'carrier_back')).toBe(true);
  }, 60_000);

  it('goes on when the master falls silent, or is replaced by hand, in the middle of everything', async () => {
    const transport = await open(set.url);
    await transport.provision();
    const traffic = givenTraffic(transport);
    await traffic.flows();
    const silent = await set.master();
    silent.pause();
    onTestFinished(() => silent.resume());
    await traffic.flows(200, PATIENCE);
    silent.resume();
    await set.settled(silent);
    await isReplica(silent);
    const replaced = await set.master();
    await vi.waitFor(() => set.sentinels[0]?.admin.call('SENTINEL', 'FAILOVER', MASTER), {
      timeout: PATIENCE,
      interval: 200,
    });
    await set.settled(replaced);
    await isReplica(replaced);
    await traffic.flows(200, PATIENCE);
    // Not asked what was lost: until it was told, the replaced one took what is now gone.
    await traffic.pause();
    const { admin } = await set.master();
    await vi.waitFor(async () => expect(await admin.client('LIST')).toContain('cmd=xreadgroup'), {
      timeout: PATIENCE,
    });
    await transport.close();
    for (const server of set.servers) {
      // The master and Sentinels stay connected, and the test itself; of ours nobody.
      await vi.waitFor(async () =>
        expect(await server.admin.client('LIST')).not.toMatch(/cmd=(?:evalsha|xreadgroup|hello)/),
      );
    }
  }, 120_000);

  it('finds the master while one Sentinel is dead and before a silent one has answered', async () => {
    const [one, two, three] = set.sentinels;
    const proxy = await startTcpProxy(two?.port ?? 0);
    onTestFinished(() => proxy.stop());
    const nobody = await freePort();
    const topology = redisTopology('billing');
    await (await open(urlOf(nobody, one?.port ?? 0), topology)).provision();
    proxy.silence();
    const transport = await open(urlOf(proxy.port, one?.port ?? 0, three?.port ?? 0), topology);
    const askedAt = performance.now();
    await publish(transport, messages(2));
    expect(performance.now() - askedAt).toBeLessThan(2_000);
    expect(await take(transport)).toHaveLength(2);
  }, 30_000);

  it('gives up asking when it is closed', async () => {
    const proxies = await Promise.all(set.sentinels.map(({ port }) => startTcpProxy(port)));
    onTestFinished(async () => void (await Promise.all(proxies.map((proxy) => proxy.stop()))));
    for (const proxy of proxies) proxy.silence();
    const transport = await open(urlOf(...proxies.map(({ port }) => port)));
    const asking = rejection(transport.depth(BILLING));
    const closedAt = performance.now();
    await transport.close();
    expect(await asking).toMatchObject({ code: 'Closed' });
    expect(performance.now() - closedAt).toBeLessThan(1_000);
  });

  it('says what is wrong with an address, or a name', async () => {
    const [one] = set.sentinels;
    const [server] = set.servers;
    const sentinel = `127.0.0.1:${one?.port}`;
    const plain = `127.0.0.1:${server?.port}`;
    const nobody = await freePort();
    for (const [url, error] of [
      [
        `redis://${sentinel}?master=mymster`,
        {
          code: 'Invalid',
          message: `Sentinel at ${sentinel} knows no master "mymster": correct master in TRANSPORT_URL`,
        },
      ],
      [
        `redis://${plain}?master=${MASTER}`,
        {
          code: 'Invalid',
          message: expect.stringMatching(`${plain} is a server, not a Sentinel: name Sent`),
        },
      ],
      [
        `redis://${sentinel}`,
        {
          code: 'Invalid',
          message: expect.stringMatching(
            `${sentinel} is a Sentinel, which carries nothing: add .master=NAME`,
          ),
        },
      ],
      [
        `redis://127.0.0.1:${nobody}?master=${MASTER}`,
        {
          code: 'Unavailable',
          retryable: true,
          message: expect.stringMatching(
            `no Sentinel answers: Sentinel at 127.0.0.1:${nobody} cannot be reached: connect ECONNREFUSED`,
          ),
        },
      ],
    ] as const) {
      const transport = await open(url);
      expect(await rejection(transport.depth(BILLING))).toMatchObject(error);
    }
  });

  it('says that there is no master at the moment, and finds the next one', async () => {
    const topology = redisTopology('billing');
    const transport = await open(set.url, topology);
    await transport.provision();
    const master = await set.master();
    await master.kill();
    expect(await rejection(publish(transport, messages(1)))).toMatchObject({ code: 'Unavailable' });
    const other = await open(set.url, topology);
    expect(await rejection(other.depth(BILLING))).toMatchObject({
      code: 'Unavailable',
      retryable: true,
      message: expect.stringMatching(
        `127.0.0.1:${master.port} cannot be reached: .*; Sentinels name it as the master ${MASTER}, which they replace`,
      ),
    });
    await set.settled(master);
    await publish(transport, messages(1));
    expect(await other.depth(BILLING)).toMatchObject({ ready: 1 });
  }, 60_000);
});

describe.skipIf(WITHOUT_REDIS)('of Sentinels and servers with passwords, the driver', () => {
  it('gives each its own', async () => {
    const set = await startSentinels({ requirepass: 'of-servers' }, { requirepass: 'of-sentinels' });
    onTestFinished(() => set.stop());
    const url = set.url.replace('redis://', 'redis://:of-servers@');
    const transport = await open(`${url}&sentinelPassword=of-sentinels`);
    await transport.provision();
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(1);
    for (const wrong of [url, `${url}&sentinelPassword=of-servers`]) {
      expect(await rejection((await open(wrong)).depth(BILLING))).toMatchObject({
        code: 'Denied',
        message: expect.stringMatching(/^Sentinel at .*the password of Sentinels is sentinelPassword there$/),
      });
    }
    expect(
      await rejection((await open(`${set.url}&sentinelPassword=of-sentinels`)).depth(BILLING)),
    ).toMatchObject({ code: 'Denied', message: expect.stringMatching(/^Redis at .*NOAUTH/) });
  }, 60_000);
});

describe.skipIf(WITHOUT_REDIS)('of one Sentinel that knows no better, the driver', () => {
  it('is not taken to a replica', async () => {
    const [master, other] = await Promise.all([startRedis(), startRedis()]);
    const watched = `sentinel monitor ${MASTER} 127.0.0.1 ${master.port} 2\n`;
    const sentinel = await startRedis({}, undefined, watched);
    onTestFinished(async () => void (await Promise.all([master, other, sentinel].map((one) => one.stop()))));
    const transport = await open(`redis://127.0.0.1:${sentinel.port}?master=${MASTER}`);
    await transport.provision();
    await master.admin.replicaof('127.0.0.1', other.port);
    await vi.waitFor(async () =>
      expect(await rejection(transport.provision())).toMatchObject({
        code: 'Unavailable',
        message: expect.stringMatching(
          `Redis at 127.0.0.1:${master.port} is a replica, so a failover is under`,
        ),
      }),
    );
  }, 30_000);
});
