import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { type RedisCluster, startCluster } from '../../../test/support/redis-cluster.ts';
import {
  ack,
  BILLING,
  messages,
  openRedis,
  publish,
  redisTopology,
  take,
} from '../../../test/support/redis-transport.ts';

const until = (done: () => Promise<boolean>) => vi.waitUntil(done, { timeout: 20_000, interval: 50 });

/** A cluster of one shard: a primary and its replica. */
describe.skipIf(WITHOUT_REDIS)('a cluster of one shard', () => {
  let cluster: RedisCluster;
  let primary: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    cluster = await startCluster({ masters: 1, replicas: 1 });
    primary = await cluster.ownerOf('{orders}');
    replica = await cluster.replicaOf(primary);
  }, 60_000);
  afterAll(() => cluster.stop());

  it('is reached by the address of any of its nodes', async () => {
    const transport = openRedis(replica.options, redisTopology('billing'));
    await transport.provision();
    await publish(transport, messages(3));
    await ack(transport, await take(transport, { waitMs: 1_000 }));
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 0, inFlight: 0 });
  });

  it('is reached by several calls at once, all of which are sent on', async () => {
    const topology = redisTopology('billing');
    await openRedis(primary.options, topology).provision();
    const transport = openRedis(replica.options, topology);
    await Promise.all([
      publish(transport, messages(1)),
      publish(transport, messages(2)),
      transport.depth(BILLING),
    ]);
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 3 });
  });

  it('is followed when it has another primary', async () => {
    const transport = openRedis(primary.options, redisTopology('billing'));
    await transport.provision();
    await publish(transport, messages(1));
    await replica.admin.call('CLUSTER', 'FAILOVER');
    await until(async () => String(await primary.admin.call('ROLE')).startsWith('slave'));
    await publish(transport, messages(1));
    expect(await take(transport, { waitMs: 1_000 })).toHaveLength(2);
  });
});
