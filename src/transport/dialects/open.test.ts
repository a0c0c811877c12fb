import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { openRedisTransport } from '../open-redis.ts';
import { InvalidTransportUrl } from '../schemes.ts';
import type { Topology, Transport } from '../transport.ts';
import { openTransport } from '../url.ts';

function topologyOf(...topics: { name: string; subscriptions: string[] }[]): Topology {
  return {
    prefix: 'here',
    topics: topics.map(({ name, subscriptions }) => ({
      name,
      subscriptions: subscriptions.map((one) => ({ name: one, leaseMs: 1_000, maxDeliveries: 10 })),
    })),
  };
}

const ONE = topologyOf({ name: 'orders', subscriptions: ['billing'] });
const TWO = topologyOf({ name: 'orders', subscriptions: ['billing', 'stock'] });
const TOPICS = topologyOf(
  { name: 'orders', subscriptions: ['billing'] },
  { name: 'returns', subscriptions: ['billing'] },
);

async function open(url: string, topology = ONE): Promise<Transport> {
  const transport = await openTransport(url, topology);
  onTestFinished(() => transport.close());
  return transport;
}

describe('the dialect of a URL', () => {
  it.each([
    ['redis://127.0.0.1?dialect=event-bus', 'redis'],
    ['rediss://127.0.0.1?dialect=agents&prefix=prod', 'redis'],
    ['redis://127.0.0.1?dialect=agents:task_request', 'redis'],
    ['redis://127.0.0.1?dialect=report-stream', 'redis'],
    ['redis://127.0.0.1?dialect=report-stream:mq:reports&retention=24h', 'redis'],
    ['redis+list://127.0.0.1?dialect=hokusai', 'redis+list'],
    ['rediss+list://127.0.0.1?dialect=hokusai-flat', 'redis+list'],
    ['redis+list://127.0.0.1?dialect=jobs', 'redis+list'],
    ['file:///tmp/nothing-here?dialect=file-reports', 'file'],
  ])('%s opens %s', async (url, name) => {
    const { name: opened, capabilities, history } = await open(url);
    expect([opened, capabilities.has('history'), history]).toEqual([name, false, undefined]);
  });

  it.each([
    [
      'redis://127.0.0.1?dialect=event-buss',
      '"event-buss" is not a dialect (did you mean event-bus?): expected report-stream,',
    ],
    ['redis://127.0.0.1?dialect=', '"" is not a dialect: expected'],
    ['redis://127.0.0.1?dialect=constructor', '"constructor" is not a dialect'],
    [
      'redis://127.0.0.1?dialect=hokusai',
      'the dialect hokusai is not for redis: it is for redis+list: or rediss+list:, as redis+list://host:6379?dialect=hokusai',
    ],
    ['memory:?dialect=jobs', 'the dialect jobs is not for memory: it is for redis+list:'],
    ['sqs://eu-west-1?dialect=agents', 'the dialect agents is not for sqs: it is for redis: or rediss:'],
    [
      'redis+list://127.0.0.1?dialect=file-reports',
      'it is for file:, as file:///var/mq?dialect=file-reports',
    ],
    ['redis://127.0.0.1?dialect=event-bus:x', 'dialect is "event-bus:x": expected event-bus'],
    ['redis://127.0.0.1?dialect=agents:', 'dialect is "agents:": expected agents, or agents:TYPE'],
    ['redis://127.0.0.1?dialect=agents:task', '"task" is no type of message to agents'],
    ['redis://127.0.0.1?dialect=agents:task_requst', '(did you mean task_request?)'],
    ['redis://127.0.0.1?dilect=agents', 'dilect is not an option of redis: (did you mean dialect?)'],
  ])('%s is refused: %s', async (url, message) => {
    const error = await open(url).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(InvalidTransportUrl);
    expect(error).toHaveProperty('message', expect.stringContaining(message));
  });

  it('is refused for a topology that its carrier has no room for', async () => {
    await expect(open('redis+list://127.0.0.1?dialect=jobs', TWO)).rejects.toThrow(
      'topic orders has 2 subscriptions, and the dialect jobs has one list for it',
    );
    await expect(open('redis+list://127.0.0.1?dialect=hokusai&queue=a', TOPICS)).rejects.toThrow(
      'queue=a names one list, and the config has 2 topics',
    );
    await expect(open('redis://127.0.0.1?dialect=report-stream:a', TOPICS)).rejects.toThrow(
      'dialect=report-stream:a names one stream, and the config has 2 topics',
    );
    await expect(open('file:///tmp/nothing?dialect=file-reports', TWO)).rejects.toThrow('2 subscriptions');
  });

  it('is nothing for functions that drain', async () => {
    await expect(openRedisTransport('redis://127.0.0.1?dialect=agents', ONE)).rejects.toThrow(
      'dialect is not an option of redis:',
    );
  });

  it.skipIf(WITHOUT_REDIS)('is refused by a cluster, which keeps the keys apart', async () => {
    const redis = await startRedis({ 'cluster-enabled': 'yes' });
    onTestFinished(() => redis.stop());
    await redis.admin.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    await expect
      .poll(async () => String(await redis.admin.call('CLUSTER', 'INFO')), { timeout: 15_000 })
      .toContain('state:ok');
    const refused = { code: 'Unsupported', message: expect.stringContaining('is a cluster') };
    for (const dialect of ['event-bus', 'agents']) {
      const transport = await open(`${redis.url}?dialect=${dialect}`);
      await expect(transport.provision()).rejects.toMatchObject(refused);
      await expect(transport.verify()).rejects.toMatchObject(refused);
      const body = JSON.stringify({ specversion: '1.0', id: 'i', source: 's', type: 'orders', data: {} });
      await expect(transport.send('orders', [{ id: 'i', body, headers: {} }])).rejects.toMatchObject(refused);
      const address = { topic: 'orders', subscription: 'billing' };
      await expect(transport.receive(address, { max: 1, waitMs: 0, leaseMs: 1_000 })).rejects.toMatchObject(
        refused,
      );
    }
    const lists = await open(`${redis.url.replace('redis:', 'redis+list:')}?dialect=jobs`);
    await expect(lists.provision()).rejects.toMatchObject(refused);
  });
});
