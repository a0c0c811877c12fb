import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type RedisServer,
  startRedis,
  startValkey,
  WITHOUT_REDIS,
  WITHOUT_VALKEY,
} from '../../../test/support/redis.ts';
import { startCluster } from '../../../test/support/redis-cluster.ts';
import { MASTER } from '../../../test/support/redis-sentinel.ts';
import {
  BILLING,
  messages,
  publish,
  redisTopology,
  rejection,
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import { accessRules } from '../redis-streams/access.ts';
import type { Outgoing, Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

const UNCONFIRMED = {
  code: 'Unavailable',
  retryable: true,
  message: expect.stringMatching(/has what was sent, and \d of its replicas .* waitReplicas expects \d/),
};

async function open(url: string, topology: Topology = redisTopology('billing')): Promise<Transport> {
  const transport = await openTransport(url, topology);
  onTestFinished(() => transport.close());
  await transport.provision();
  return transport;
}

async function follows({ admin }: RedisServer): Promise<void> {
  await vi.waitFor(async () => expect(String(await admin.call('ROLE'))).toContain('connected'), {
    timeout: 10_000,
  });
}

async function follow(replica: RedisServer, { port }: RedisServer): Promise<void> {
  await replica.admin.replicaof('127.0.0.1', port);
  await follows(replica);
}

/** In a form that every dialect takes. */
function said(count: number): Outgoing[] {
  return messages(count).map((one) => ({
    ...one,
    body: JSON.stringify({ specversion: '1.0', id: one.id, source: 'test', type: 'orders', data: {} }),
  }));
}

describe.skipIf(WITHOUT_REDIS)('what was behind on a server that became a replica', () => {
  it('is told so, as what was not', async () => {
    const [master, replica] = await Promise.all([startRedis(), startRedis()]);
    onTestFinished(async () => void (await Promise.all([master.stop(), replica.stop()])));
    const transport = await open(`redis://127.0.0.1:${master.port}?waitReplicas=1`);
    expect(await rejection(transport.send('orders', said(1)))).toMatchObject(UNCONFIRMED);
    await follow(master, replica);
    expect(await rejection(transport.send('orders', said(1)))).toMatchObject({
      code: 'Unavailable',
      message: expect.stringContaining('READONLY'),
    });
  }, 30_000);
});

describe.skipIf(WITHOUT_REDIS)('what waits for replicas', () => {
  let master: RedisServer;
  let replicas: RedisServer[];
  beforeAll(async () => {
    const settings = { 'repl-diskless-sync-delay': '0' };
    master = await startRedis(settings);
    replicas = await Promise.all([1, 2].map(() => startRedis(settings)));
    await Promise.all(replicas.map((replica) => follow(replica, master)));
  }, 30_000);
  afterAll(async () => void (await Promise.all([master, ...replicas].map((server) => server.stop()))));

  const urlOf = (carrier: string, waitReplicas: number, port = master.port): string =>
    `${carrier.replace('HOST', `127.0.0.1:${port}`)}waitReplicas=${waitReplicas}`;

  function paused(...stopped: readonly (RedisServer | undefined)[]): void {
    for (const one of stopped) one?.pause();
    onTestFinished(() => {
      for (const one of stopped) one?.resume();
    });
  }

  it.each(['redis://HOST?', 'redis+list://HOST?', 'redis://HOST?dialect=event-bus&'])(
    'is accepted once so many have it, on %s',
    async (carrier) => {
      const [one, two] = replicas;
      const topology = redisTopology('billing');
      const both = await open(urlOf(carrier, 2), topology);
      const any = await open(urlOf(carrier, 1), topology);
      await publish(both, said(2));
      paused(one);
      await publish(any, said(2));
      const askedAt = performance.now();
      expect(await rejection(both.send('orders', said(2)))).toMatchObject(UNCONFIRMED);
      expect(performance.now() - askedAt).toBeGreaterThan(1_900);
      // The next is not even stored.
      expect(await rejection(both.send('orders', said(2)))).toMatchObject(UNCONFIRMED);
      expect(await any.depth(BILLING)).toMatchObject({ ready: 6 });
      one?.resume();
      await publish(both, said(2));
      expect(await any.depth(BILLING)).toMatchObject({ ready: 8 });
      // What was accepted is there when the only one that had it takes over.
      paused(one);
      await publish(any, said(1));
      await two?.admin.replicaof('NO', 'ONE');
      onTestFinished(async () => void (two && (await follow(two, master))));
      const other = await open(urlOf(carrier, 0, two?.port), topology);
      expect(await other.depth(BILLING)).toMatchObject({ ready: 9 });
      expect(await rejection(any.send('orders', said(1)))).toMatchObject(UNCONFIRMED);
    },
    30_000,
  );

  it('holds up nothing else', async () => {
    const transport = await open(urlOf('redis://HOST?', 2));
    await publish(transport, messages(1));
    paused(...replicas);
    const sending = rejection(transport.send('orders', messages(1)));
    const askedAt = performance.now();
    const taken = await transport.receive(BILLING, { max: 1, waitMs: 0, leaseMs: 10_000 });
    const settlements = taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    expect(await transport.settle(BILLING, settlements)).toEqual(['settled']);
    expect(performance.now() - askedAt).toBeLessThan(1_000);
    expect(await sending).toMatchObject(UNCONFIRMED);
  });

  it('takes no round trip more', async () => {
    const proxy = await startTcpProxy(master.port);
    onTestFinished(() => proxy.stop());
    const transport = await open(urlOf('redis://HOST?', 2, proxy.port));
    await publish(transport, messages(1));
    proxy.delay(400);
    const askedAt = performance.now();
    await publish(transport, messages(10));
    // There and back.
    expect(performance.now() - askedAt).toBeLessThan(1_500);
  });

  it('needs the right to wait', async () => {
    const topology = redisTopology('billing');
    await open(urlOf('redis://HOST?', 0), topology);
    const transport = await openTransport(urlOf('redis://user:pw@HOST?', 2), topology);
    onTestFinished(() => transport.close());
    const rules = accessRules('publish', topology.prefix).split(' ');
    await master.admin.call('ACL', 'SETUSER', 'user', 'on', '>pw', ...rules);
    expect(await rejection(transport.send('orders', messages(1)))).toMatchObject({ code: 'Denied' });
    await master.admin.call('ACL', 'SETUSER', 'user', '+wait');
    await publish(transport, messages(1));
  });

  it('is warned of where too few follow, or more than confirm', async () => {
    for (const [waitReplicas, warning] of [
      [0, 'replicates without waiting, so a failover may lose the last writes'],
      [1, 'has 2 replicas, and waitReplicas expects 1: a failover to another one may lose the last writes'],
      [2, undefined],
      [3, 'has 2 replicas, and waitReplicas expects 3: nothing is accepted before they follow'],
    ] as const) {
      for (const carrier of ['redis://HOST?', 'redis+list://HOST?']) {
        const transport = await open(urlOf(carrier, waitReplicas));
        const warnings = (await transport.warnings?.())?.filter((text) => text.includes('replica')) ?? [];
        expect(warnings).toEqual(
          warning === undefined ? [] : [`Redis at 127.0.0.1:${master.port} ${warning}`],
        );
      }
    }
  });

  it('asks Sentinels anew, for replicas may follow another master by now', async () => {
    const alone = await startRedis();
    const sentinel = await startRedis(
      {},
      undefined,
      `sentinel monitor ${MASTER} 127.0.0.1 ${alone.port} 1\n`,
    );
    onTestFinished(async () => void (await Promise.all([alone, sentinel].map((one) => one.stop()))));
    const topology = redisTopology('billing');
    await open(urlOf('redis://HOST?', 0), topology);
    const transport = await open(
      `redis://127.0.0.1:${sentinel.port}?master=${MASTER}&waitReplicas=2`,
      topology,
    );
    for (let again = 0; again < 2; again++) {
      expect(await rejection(transport.send('orders', messages(1)))).toMatchObject(UNCONFIRMED);
    }
    await sentinel.admin.call('SENTINEL', 'REMOVE', MASTER);
    await sentinel.admin.call('SENTINEL', 'MONITOR', MASTER, '127.0.0.1', master.port, 1);
    await publish(transport, messages(1));
  });
});

it.skipIf(WITHOUT_REDIS)(
  'on a cluster, replicas of the node that has the topic are waited for',
  async () => {
    const cluster = await startCluster({ masters: 3, replicas: 1 });
    onTestFinished(() => cluster.stop());
    const topology = redisTopology('billing');
    const owner = await cluster.ownerOf('{orders}');
    const replica = await cluster.replicaOf(owner);
    const others = cluster.replicas.filter((one) => one !== replica);
    const transport = await open(`${cluster.url}&waitReplicas=1`, topology);
    for (const one of others) one.pause();
    await publish(transport, messages(1));
    for (const one of others) one.resume();
    await publish(transport, messages(1));
    replica.pause();
    expect(await rejection(transport.send('orders', messages(1)))).toMatchObject(UNCONFIRMED);
    replica.resume();
    await vi.waitFor(() => publish(transport, messages(1)), { timeout: 20_000 });
    await transport.close();
  },
  90_000,
);

it.skipIf(WITHOUT_REDIS || WITHOUT_VALKEY)(
  'on Valkey, replicas are waited for too',
  async () => {
    const [master, replica] = await Promise.all([startValkey(), startValkey()]);
    onTestFinished(async () => void (await Promise.all([master, replica].map((one) => one.stop()))));
    await follow(replica, master);
    const transport = await open(`${master.url}?waitReplicas=1`);
    await publish(transport, messages(1));
    replica.pause();
    for (let again = 0; again < 2; again++) {
      expect(await rejection(transport.send('orders', messages(1)))).toMatchObject(UNCONFIRMED);
    }
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 2 });
  },
  30_000,
);
