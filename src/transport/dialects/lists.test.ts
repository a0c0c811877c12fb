import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { rejection } from '../../../test/support/redis-transport.ts';
import type { Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

const TOPIC = 'ai_processing';
const ADDRESS = { topic: TOPIC, subscription: 'analyse' };
const QUEUE = `backfin:queue:${TOPIC}`;
const URGENT = 'backfin:queue:high_priority';
const TOPOLOGY = {
  prefix: 'ours',
  topics: [{ name: TOPIC, subscriptions: [{ name: 'analyse', leaseMs: 30_000, maxDeliveries: 25 }] }],
};

describe.skipIf(WITHOUT_REDIS)('urgent jobs', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function open(user = '') {
    const url = server.url.replace('://', `+list://${user}`);
    const transport = await openTransport(`${url}?dialect=jobs`, TOPOLOGY);
    onTestFinished(() => transport.close());
    return transport;
  }

  const job = (id: string) => JSON.stringify({ job_id: id, job_type: TOPIC, retry_count: 0 });

  const request = { max: 10, waitMs: 0, leaseMs: 60_000 };
  const taken = async (transport: Transport) =>
    (await transport.receive(ADDRESS, request)).map(({ id }) => id);

  it('stay where they are while the queue is no list', async () => {
    await server.admin.flushall();
    const transport = await open();
    await transport.provision();
    await server.admin.lpush(URGENT, job('1'), job('2'), 'no job', job('3'));
    await server.admin.set(QUEUE, 'x');
    for (let tried = 0; tried < 2; tried++) {
      expect(await rejection(taken(transport))).toMatchObject({ code: 'Invalid' });
    }
    expect(await server.admin.llen(URGENT)).toBe(4);
    await server.admin.del(QUEUE);
    expect(await taken(transport)).toEqual(['1', '2', '3']);
    expect(await server.admin.lrange(URGENT, 0, -1)).toEqual(['no job']);
  });

  it('are taken while the memory is full', async () => {
    await server.admin.flushall();
    const transport = await open();
    await transport.provision();
    await server.admin.lpush(URGENT, job('1'), job('2'));
    await server.admin.config('SET', 'maxmemory', '1');
    onTestFinished(async () => void (await server.admin.config('SET', 'maxmemory', '0')));
    expect(await taken(transport)).toEqual(['1', '2']);
  });

  it.each(['-rpush', '-lrem'])('stay where they are, once, for a user with %s', async (right) => {
    await server.admin.flushall();
    const all = await open();
    await all.provision();
    await server.admin.lpush(URGENT, job('1'), job('2'));
    await server.admin.acl('SETUSER', 'limited', 'reset', 'on', '>pw', '~*', '+@all', right);
    const limited = await open('limited:pw@');
    for (let tried = 0; tried < 2; tried++) {
      expect(await rejection(taken(limited))).toMatchObject({ code: 'Denied' });
    }
    expect([await server.admin.llen(URGENT), await server.admin.llen(QUEUE)]).toEqual([2, 0]);
    expect(await taken(all)).toEqual(['1', '2']);
  });
});
