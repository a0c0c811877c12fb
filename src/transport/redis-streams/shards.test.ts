import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { type RedisCluster, startCluster } from '../../../test/support/redis-cluster.ts';
import { givenTraffic } from '../../../test/support/redis-traffic.ts';
import { messages, rejection } from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import { createConnection } from '../redis/connection.ts';
import { defineScript } from '../redis/script.ts';
import type { Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';
import { accessRules } from './access.ts';

/** A failover may take so long, and is not waited for any longer. */
const PATIENCE = 30_000;

let tests = 0;

/** A topic on each shard, in the order of their masters. */
async function topicsOf({ masters, ownerOf }: RedisCluster): Promise<string[]> {
  const topics = new Map<RedisServer, string>();
  for (let n = 0; topics.size < masters.length; n++) topics.set(await ownerOf(`{topic${n}}`), `topic${n}`);
  return masters.map((master) => topics.get(master) ?? '');
}

function topologyOf(topics: readonly string[]): Topology {
  const subscriptions = [{ name: 'billing', leaseMs: 30_000, maxDeliveries: 25 }];
  return { prefix: `t${++tests}`, topics: topics.map((name) => ({ name, subscriptions })) };
}

async function open(url: string, topology: Topology): Promise<Transport> {
  const transport = await openTransport(url, topology);
  onTestFinished(() => transport.close());
  return transport;
}

const at = (topic: string) => ({ topic, subscription: 'billing' });

/** How many of ours are connected: neither tests nor other nodes run commands like these last. */
async function clientsOf({ admin }: RedisServer): Promise<number> {
  const clients = String(await admin.client('LIST'));
  return (
    clients.match(/cmd=(?:evalsha|eval|xreadgroup|hello|exists|cluster\|slots|config\|get|info) /g)?.length ??
    0
  );
}

/** Has a replica take over from its master in order: what it cannot within 5 s, it gives up. */
async function promote({ admin }: RedisServer): Promise<void> {
  const isMaster = async () => expect(String(await admin.call('ROLE'))).toMatch(/^master/);
  await vi.waitFor(
    async () => {
      await admin.call('CLUSTER', 'FAILOVER').catch(isMaster);
      await vi.waitFor(isMaster, { timeout: 6_000 });
    },
    { timeout: PATIENCE },
  );
}

describe.skipIf(WITHOUT_REDIS)('on a cluster of several shards, the driver', () => {
  let cluster: RedisCluster;
  let topics: string[];
  beforeAll(async () => {
    cluster = await startCluster();
    topics = await topicsOf(cluster);
  }, 60_000);
  afterAll(() => cluster.stop());

  it('carries each topic on the node that has it, over one connection, and one for each that waits', async () => {
    const transport = await open(cluster.url, topologyOf(topics));
    await transport.provision();
    await transport.verify();
    const waiting = topics.map((topic) =>
      transport.receive(at(topic), { max: 10, waitMs: 10_000, leaseMs: 60_000 }),
    );
    await vi.waitFor(async () => {
      expect(await Promise.all(cluster.masters.map(clientsOf))).toEqual([2, 2, 2]);
    });
    for (const topic of topics) {
      expect(await transport.send(topic, messages(2))).toEqual(['accepted', 'accepted']);
    }
    for (const [index, received] of (await Promise.all(waiting)).entries()) {
      const topic = topics[index] ?? '';
      const more = await transport.receive(at(topic), { max: 10, waitMs: 0, leaseMs: 60_000 });
      const settlements = [...received, ...more].map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
      expect(await transport.settle(at(topic), settlements)).toEqual(['settled', 'settled']);
    }
    await transport.close();
    await vi.waitFor(async () => {
      expect(await Promise.all(cluster.masters.map(clientsOf))).toEqual([0, 0, 0]);
    });
  });

  it('adds a message by itself on the node that has its topic, and needs no other', async () => {
    const [topic = ''] = topics.slice(2);
    const transport = await open(cluster.url, topologyOf([topic]));
    await transport.provision();
    for (const message of messages(3)) expect(await transport.send(topic, [message])).toEqual(['accepted']);
    await vi.waitFor(async () => {
      expect(await Promise.all(cluster.masters.map(clientsOf))).toEqual([0, 0, 1]);
    });
  });

  it('ends a read that waits at once when it is told to', async () => {
    const [topic = ''] = topics.slice(2);
    const transport = await open(cluster.url, topologyOf(topics));
    await transport.provision();
    for (let round = 0; round < 3; round++) {
      const stop = new AbortController();
      const receive = transport.receive(at(topic), {
        max: 10,
        waitMs: 10_000,
        leaseMs: 60_000,
        signal: stop.signal,
      });
      await vi.waitFor(async () =>
        expect(await cluster.masters[2]?.admin.client('LIST')).toMatch(/flags=b.*cmd=xreadgroup/),
      );
      stop.abort();
      expect(await receive).toEqual([]);
      await vi.waitFor(
        async () => expect(await cluster.masters[2]?.admin.client('LIST')).not.toMatch(/flags=b/),
        { timeout: 100, interval: 5 },
      );
    }
  });

  it('warns of each node that has a topic', async () => {
    const some = topics.slice(1);
    const transport = await open(cluster.url, topologyOf(some));
    const warnings = (await transport.warnings?.()) ?? [];
    const warned = cluster.masters.map(
      ({ port }) =>
        warnings.filter((text) => text.startsWith(`Redis at 127.0.0.1:${port} has no replica`)).length,
    );
    expect(warned).toEqual([0, 1, 1]);
  });

  it('needs no right to ask who has what', async () => {
    const topology = topologyOf(topics);
    const creator = await open(cluster.url, topology);
    await creator.provision();
    for (const { admin } of cluster.masters) {
      const rules = accessRules('publish', topology.prefix).split(' ');
      await admin.call('ACL', 'SETUSER', topology.prefix, 'on', '>pw', ...rules);
    }
    const url = cluster.url.replace('redis://', `redis://${topology.prefix}:pw@`);
    const transport = await open(url, topology);
    for (const topic of topics) expect(await transport.send(topic, messages(1))).toEqual(['accepted']);
  });

  it('takes a topic along whose slot is moved, with all that it holds, in the middle of everything', async () => {
    const [topic = '', other = ''] = topics;
    const [from, , to] = cluster.masters;
    if (from === undefined || to === undefined) throw new Error('the cluster is too small');
    const topology = topologyOf(topics);
    const transport = await open(`${cluster.url}`, topology);
    await transport.provision();
    const idle = await open(cluster.url, topology);
    await idle.send(topic, [{ id: 'delayed', body: '{"n":-1}', headers: {}, delayMs: 20_000 }]);
    // Its stream is empty, and goes while somebody waits for what comes.
    const quiet = topologyOf([topic]);
    const quietly = await open(cluster.url, quiet);
    await quietly.provision();
    const said: unknown[] = [];
    let moving = true;
    const waiting = (async () => {
      while (moving) {
        const options = { max: 1, waitMs: 500, leaseMs: 60_000 };
        await quietly.receive(at(topic), options).catch((error: unknown) => said.push(error));
      }
    })();
    const traffic = givenTraffic(transport, topic);
    const beside = givenTraffic(transport, other);
    await traffic.flows();
    await cluster.move(`{${topic}}`, to, async () => {
      // Now neither of them has all its keys, and no script runs.
      await vi.waitFor(() =>
        expect(traffic.events.some(({ event }) => event === 'carrier_unavailable')).toBe(true),
      );
      await beside.flows();
    });
    await traffic.flows(200, PATIENCE);
    moving = false;
    await waiting;
    expect(await traffic.settle()).toEqual([]);
    expect(await beside.settle()).toEqual([]);
    expect(await cluster.ownerOf(`{${topic}}`)).toBe(to);
    expect(said.map(String).join()).not.toMatch(/lost/);
    // Who slept through it all finds out. Settlements that failed meanwhile are tried again: some a second after all is handled.
    const expectSettled = async () =>
      expect(await idle.depth(at(topic))).toMatchObject({ delayed: 1, inFlight: 0, ready: 0 });
    await vi.waitFor(expectSettled, { timeout: 10_000 });
    expect(traffic.events.flatMap((event) => ('error' in event ? [event.error] : [])).join()).not.toMatch(
      /lost/,
    );
    await cluster.move(`{${topic}}`, from);
    await expectSettled();
  }, 60_000);

  it('asks for a key where it has gone ahead of its slot, and tells a script there that it does not know', async () => {
    const [topic = ''] = topics;
    const [from, , to] = cluster.masters;
    if (from === undefined || to === undefined) throw new Error('the cluster is too small');
    const stream = `ahead:{${topic}}:stream`;
    const connection = createConnection({ ...from.options, cluster: { others: [] } });
    onTestFinished(() => connection.close());
    await connection.at(stream).call('XADD', stream, '*', 'e', 'x');
    await cluster.move(`{${topic}}`, to, async () => {
      // It may have been the first to go.
      await from.admin.call('MIGRATE', '127.0.0.1', to.port, stream, 0, 5_000);
      await to.admin.script('FLUSH');
      expect(await connection.at(stream).call('XLEN', stream)).toBe(1);
      const length = defineScript("return redis.call('XLEN', KEYS[1])");
      expect(await connection.run(length, [stream], [])).toBe(1);
      // The rest is still asked for where it was.
      const { node } = await connection.at(stream).server();
      expect(node.port).toBe(from.port);
    });
    expect(await connection.at(stream).call('XLEN', stream)).toBe(1);
    await cluster.move(`{${topic}}`, from);
  });

  it('says what else a server is', async () => {
    const single = await startRedis();
    onTestFinished(() => single.stop());
    const [first] = cluster.masters;
    for (const [url, error] of [
      [
        `${single.url}?cluster=true`,
        {
          code: 'Invalid',
          message: `Redis at 127.0.0.1:${single.port} is no node of a cluster: leave cluster=true out of TRANSPORT_URL`,
        },
      ],
      [
        cluster.url.replace('?', '/1?'),
        {
          code: 'Invalid',
          message: expect.stringMatching(
            /SELECT is not allowed in cluster mode; a cluster has database 0 only: /,
          ),
        },
      ],
      [
        `redis://127.0.0.1:${first?.port}`,
        {
          code: 'Unsupported',
          message: expect.stringMatching(
            /MOVED.*a cluster of several shards: add .cluster=true to TRANSPORT_URL/,
          ),
        },
      ],
    ] as const) {
      const transport = await open(url, topologyOf(topics));
      expect(await rejection(transport.provision())).toMatchObject(error);
    }
  });
});

describe.skipIf(WITHOUT_REDIS)('on a cluster with replicas, the driver', () => {
  let cluster: RedisCluster;
  let topics: string[];
  beforeEach(async () => {
    cluster = await startCluster({ replicas: 1 });
    topics = await topicsOf(cluster);
  }, 60_000);
  afterEach(() => cluster.stop());

  it('goes on when replicas take over, and loses nothing when they do so in order', async () => {
    const [topic = ''] = topics;
    const [master] = cluster.masters;
    if (master === undefined) throw new Error('the cluster is too small');
    const transport = await open(cluster.url, topologyOf(topics));
    await transport.provision();
    const traffic = givenTraffic(transport, topic);
    await traffic.flows();
    const replica = await cluster.replicaOf(master);
    for (const next of [replica, master]) {
      await promote(next);
      await traffic.flows(200, PATIENCE);
    }
    expect(await traffic.settle()).toEqual([]);
  }, 60_000);

  it('goes on when a master is killed, and loses nothing that its replica had; other shards notice nothing', async () => {
    const [topic = '', other = ''] = topics;
    const [master] = cluster.masters;
    if (master === undefined) throw new Error('the cluster is too small');
    // The one node that the URL names is the one that dies.
    const transport = await open(`redis://127.0.0.1:${master.port}?cluster=true`, topologyOf(topics));
    await transport.provision();
    const traffic = givenTraffic(transport, topic);
    const beside = givenTraffic(transport, other);
    await traffic.flows();
    await beside.flows();
    const replica = await cluster.replicaOf(master);
    // What was accepted from now on might be lost with the master: it does not wait for its replica.
    await traffic.pause();
    await master.admin.set(`{${topic}}mark`, 1);
    expect(await master.admin.wait(1, 10_000)).toBe(1);
    await master.kill();
    traffic.resume();
    await beside.flows(20, 5_000);
    await traffic.flows(200, PATIENCE);
    expect(await traffic.settle()).toEqual([]);
    expect(await beside.settle()).toEqual([]);
    expect(await cluster.ownerOf(`{${topic}}`)).toBe(replica);
    // And a third one, who had nothing to do until now.
    await transport.send(topics[2] ?? '', messages(1));
    expect(await transport.depth(at(topics[2] ?? ''))).toMatchObject({ ready: 1 });
  }, 90_000);

  it('finds its way past a node that says nothing', async () => {
    const [first, second] = cluster.masters;
    const proxy = await startTcpProxy(first?.port ?? 0);
    onTestFinished(() => proxy.stop());
    proxy.silence();
    const transport = await open(
      `redis://127.0.0.1:${proxy.port}?cluster=true&nodes=127.0.0.1:${second?.port}`,
      topologyOf(topics),
    );
    const askedAt = performance.now();
    await transport.provision();
    // Once, not for each topic.
    expect(performance.now() - askedAt).toBeLessThan(7_000);
  }, 30_000);

  it('says that nobody answers', async () => {
    const transport = await open(cluster.url, topologyOf(topics));
    await Promise.all([...cluster.masters, ...cluster.replicas].map((node) => node.kill()));
    expect(await rejection(transport.provision())).toMatchObject({
      code: 'Unavailable',
      retryable: true,
      message: expect.stringMatching(
        /^the Redis cluster at 127.0.0.1:\d+, 127.0.0.1:\d+ does not answer: Redis at .*ECONNREFUSED/,
      ),
    });
  });
});
