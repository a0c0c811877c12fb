import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
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
const BOTH = [() => true, () => false] as const;

/** A cluster of one shard: a primary and its replica. */
describe.skipIf(WITHOUT_REDIS)('a cluster of one shard', () => {
  let primary: RedisServer;
  let replica: RedisServer;
  beforeAll(async () => {
    const settings = { 'cluster-enabled': 'yes' };
    [primary, replica] = await Promise.all([startRedis(settings), startRedis(settings)]);
    const { admin } = replica;
    await primary.admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
    await admin.call('CLUSTER', 'MEET', '127.0.0.1', primary.port);
    const id = String(await primary.admin.call('CLUSTER', 'MYID'));
    await until(async () => String(await admin.call('CLUSTER', 'NODES')).includes(id));
    await until(() => admin.call('CLUSTER', 'REPLICATE', id).then(...BOTH));
    for (const server of [primary, replica]) {
      await until(async () =>
        String(await server.admin.call('CLUSTER', 'INFO')).includes('cluster_state:ok'),
      );
    }
    await until(async () => String(await admin.call('ROLE')).includes('connected'));
  }, 60_000);
  afterAll(() => Promise.all([primary.stop(), replica.stop()]));

  it('is reached by the address of any of its nodes', async () => {
    const transport = openRedis(replica.options, redisTopology('billing'));
    await transport.provision();
    await publish(transport, messages(3));
    await ack(transport, await take(transport, { waitMs: 1_000 }));
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 0, inFlight: 0 });
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
