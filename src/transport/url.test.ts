import { afterEach, expect, test } from 'vitest';
import { startSqsServer } from '../../test/support/sqs-server.ts';
import { InvalidName } from '../message/names.ts';
import { openRedisTransport } from './open-redis.ts';
import { describeUrl, InvalidTransportUrl, transportUrl } from './schemes.ts';
import type { Topology, Transport } from './transport.ts';
import { openTransport } from './url.ts';

const TOPOLOGY: Topology = {
  prefix: 'here',
  topics: [{ name: 'orders', subscriptions: [{ name: 'billing', leaseMs: 1_000, maxDeliveries: 10 }] }],
};
const MESSAGE = { id: '1', body: 'x', headers: {} };

const opened: Transport[] = [];
async function open(url: string): Promise<Transport> {
  const transport = await openTransport(url, TOPOLOGY);
  opened.push(transport);
  return transport;
}
afterEach(async () => {
  for (const transport of opened.splice(0)) await transport.close();
});

test.each([
  ['memory:', 'memory'],
  ['memory:?prefix=other', 'memory'],
  ['file:///var/mq', 'file'],
  ['file:///var/with%20space/?prefix=a&layout=flat&retention=7d', 'file'],
  ['sqs://eu-west-1', 'sqs'],
  ['sqs://us-gov-west-1?region=us-gov-west-1', 'sqs'],
  ['sqs://127.0.0.1:4566', 'sqs'],
  ['sqs://localhost:4566?region=eu-west-1&prefix=prod', 'sqs'],
  ['redis://127.0.0.1', 'redis'],
  ['rediss://user:p%40ss@[::1]:6380/2?prefix=prod&retention=24h&maxDepth=1000&blocking=false', 'redis'],
  ['redis+list://127.0.0.1', 'redis+list'],
  [
    'rediss+list://user@[::1]:6380/2?prefix=prod&maxDepth=10&blocking=false&iam=replicationgroup:a',
    'redis+list',
  ],
  ['redis+list://127.0.0.1?queue=a&processing=b&dlq=c', 'redis+list'],
  ['rediss://s1?master=main&sentinels=s2,[::1]:26380&sentinelPassword=p', 'redis'],
  ['redis://n1:7001?cluster=true&nodes=n2:7002,n3', 'redis'],
  ['redis+list://127.0.0.1?waitReplicas=2', 'redis+list'],
])('%s opens %s', async (url, name) => {
  expect((await open(url)).name).toBe(name);
});

test('an emulator is asked at its host and port, with the prefix and region of the URL', async () => {
  const server = await startSqsServer(() => undefined);
  const transport = await open(`sqs://${new URL(server.endpoint).host}?prefix=prod&region=eu-west-1`);
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
  expect(server.requests.map(({ queue }) => queue)).toEqual(['prod-orders-billing', 'prod-orders-billing']);
  await server.stop();
});

test.each([
  ['what is it', 'is not a transport URL: expected memory:, or file:///var/mq, or sqs://eu-west-1'],
  ['redis://password/x@host', 'in a password write %2F %3F %40'],
  ['redis://:100%@host', 'user or password: write % as %25'],
  ['memry:', 'memry: is not a transport (did you mean memory?)'],
  ['constructor:', 'constructor: is not a transport: expected'],
  ['kafka://host:9092', 'kafka: is not a transport: expected'],
  [
    'sqs://eu-west-1?prefx=prod',
    'prefx is not an option of sqs: (did you mean prefix?); it takes region, prefix',
  ],
  ['memory:?region=eu-west-1', 'region is not an option of memory:'],
  ['sqs://eu-west-1?region=us-east-1', 'eu-west-1 and region "us-east-1" name two regions'],
  ['redis://127.0.0.1?retension=1h', 'retension is not an option of redis: (did you mean retention?)'],
  ['redis://127.0.0.1?retention=soon', 'retention is "soon": expected a duration like 30m, 24h or 7d'],
  ['redis://127.0.0.1?maxDepth=-1', 'maxDepth is "-1": expected a whole number'],
  ['redis://127.0.0.1?waitReplicas=-1', 'waitReplicas is "-1": expected a whole number'],
  ['redis+list://127.0.0.1?waitReplicas=all', 'waitReplicas is "all": expected a whole number'],
  ['redis://127.0.0.1?blocking=no', 'blocking is "no": expected true or false'],
  ['redis://s1?sentinels=s2', 'sentinels takes master=NAME beside it'],
  ['redis://s1?sentinelPassword=x&cluster=true', 'sentinelPassword takes master=NAME beside it'],
  ['redis://s1?master=', 'master is empty: expected the name that Sentinels know'],
  ['redis://s1?master=m&cluster=true', 'master and cluster=true exclude each other'],
  ['redis://n1?nodes=n2', 'nodes takes cluster=true beside it'],
  ['redis://n1?cluster=false&nodes=n2', 'nodes takes cluster=true beside it'],
  ['redis://n1?cluster=yes', 'cluster is "yes": expected true or false'],
  ['redis://n1?cluster=true&nodes=n2,', 'nodes is "n2,": expected addresses like host2:6379,host3:6379'],
  ['redis://n1?cluster=true&nodes=a@n2', 'nodes is "…": expected addresses'],
  ['redis://n1?cluster=true&nodes=n2:99999', 'nodes is "n2:99999": expected addresses'],
  [
    'redis://s1?master=m&sentinels=s2/1',
    'sentinels is "s2/1": expected addresses like host2:26379,host3:26379',
  ],
  ['redis://s1?master=m&sentinel=s2', 'sentinel is not an option of redis: (did you mean sentinels?)'],
  ['redis://127.0.0.1/db', 'the database is "db": expected a whole number'],
  [
    'file:mq',
    '"file:mq" is not the absolute path of a folder: expected an absolute path after three slashes, file:///var/mq',
  ],
  ['file:./mq', '"file:./mq" is not the absolute path of a folder'],
  ['file:/var/mq', '"file:/var/mq" is not the absolute path of a folder'],
  ['file:///..', 'is not the absolute path of a folder'],
  ['file:///?prefix=x', '"file:///" is not the absolute path of a folder'],
  ['file://var/mq', '"file://var/mq" names a host, and files are on this machine: expected'],
  ['file://localhost/var/mq', 'names a host'],
  ['file://./mq', 'names a host'],
  ['file:///var/mq#1', '"1" stands behind a #: write # as %23 in a path'],
  ['file:///var%2Fmq', '"file:///var%2Fmq" is not a path'],
  ['file:///var%00', '"file:///var%00" is not a path'],
  ['file:///var/mq?layout=falt', 'layout is "falt" (did you mean flat?): expected nested or flat'],
  ['file:///var/mq?retention=soon', 'retention is "soon": expected a duration'],
  ['file:///var/mq?archive=24h', 'archive is not an option of file:'],
  ['redis+list://127.0.0.1?retention=1h', 'retention is not an option of redis+list:'],
  ['redis+list://127.0.0.1?dlq=a', 'processing and dlq are names beside queue: give queue too'],
  ['redis+list://127.0.0.1?queue=', 'queue is empty: expected the key of a list'],
  ['redis+list://127.0.0.1?queue=a&dlq=a', 'expected three names that differ'],
  ['sqs://euwest1', '"euwest1" is neither an AWS region nor an emulator\'s host:port'],
])('%s is refused: %s', async (url, message) => {
  const error = await open(url).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InvalidTransportUrl);
  expect(error).toHaveProperty('message', expect.stringContaining(message));
});

test('who runs on Redis only takes its URLs, with their prefix, and no others', async () => {
  const transport = await openRedisTransport('redis://127.0.0.1?prefix=prod', TOPOLOGY);
  opened.push(transport);
  expect(transport.name).toBe('redis');
  const [topic] = TOPOLOGY.topics;
  const ordered = { prefix: 'here', topics: topic === undefined ? [] : [{ ...topic, ordered: true }] };
  await expect(openRedisTransport('redis://127.0.0.1', ordered)).rejects.toMatchObject({
    code: 'Unsupported',
  });
  for (const url of ['memory:', 'sqs://eu-west-1', 'redis+list://127.0.0.1']) {
    await expect(openRedisTransport(url, TOPOLOGY)).rejects.toThrow(
      /^(memory|sqs|redis\+list): is not Redis: expected redis:\/\/host:6379, or rediss:/,
    );
  }
});

test('one list is not for several subscriptions', async () => {
  const two = {
    ...TOPOLOGY,
    topics: TOPOLOGY.topics.flatMap((topic) => [topic, { ...topic, name: 'returns' }]),
  };
  await expect(openTransport('redis+list://127.0.0.1?queue=a', two)).rejects.toThrow(
    /^queue=a names one list, and each of orders\/billing, returns\/billing needs one of its own/,
  );
});

test('a prefix follows the grammar of names', async () => {
  await expect(open('sqs://eu-west-1?prefix=../x')).rejects.toThrow(InvalidName);
});

test.each([
  ['sqs://user:secret@127.0.0.1:4566?prefix=prod', 'sqs://127.0.0.1:4566'],
  ['rediss://user:secret@cache.example.com:6380/1', 'rediss://cache.example.com:6380'],
  ['redis+list://user:secret@host/1?queue=a', 'redis+list://host'],
  ['memory:', 'memory:'],
  ['file:///var/mq?layout=flat', 'file:///var/mq'],
])('%s is shown as %s', (url, shown) => {
  expect(describeUrl(url)).toBe(shown);
});

test('the URL is that of the environment', () => {
  expect(transportUrl({ TRANSPORT_URL: 'memory:' })).toBe('memory:');
  for (const environment of [{}, { TRANSPORT_URL: '' }]) {
    expect(() => transportUrl(environment)).toThrow('TRANSPORT_URL is not set: expected memory:, or file:');
  }
});
