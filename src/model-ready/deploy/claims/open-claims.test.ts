import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../../../../test/support/redis.ts';
import { redisTopology } from '../../../../test/support/redis-transport.ts';
import { startS3 } from '../../../../test/support/s3-server.ts';
import { openTransport } from '../../../transport/url.ts';
import { InvalidDeployOptions } from '../deploy.ts';
import { openClaims } from './open-claims.ts';
import { claimKey } from './store.ts';

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-claims-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function writeWith(environment: NodeJS.ProcessEnv): Promise<void> {
  const store = await openClaims(environment, 'hikyaku');
  onTestFinished(() => store.close());
  expect(await store.write('churn', '1', undefined)).toBe(true);
}

test('a folder that is named', async () => {
  const folder = join(await temporaryFolder(), 'with blanks');
  await writeWith({ DEPLOYED_URL: pathToFileURL(folder).href, TRANSPORT_URL: 'redis://127.0.0.1:1' });
  expect(await readdir(folder)).toEqual([claimKey('churn')]);
});

test('a folder beside the queues, which is none of them', async () => {
  const folder = await temporaryFolder();
  const url = `${pathToFileURL(folder).href}/?prefix=dev`;
  const topology = redisTopology('orders');
  const transport = await openTransport(url, topology);
  onTestFinished(() => transport.close());
  await transport.provision();
  await writeWith({ TRANSPORT_URL: url, AWS_LAMBDA_FUNCTION_NAME: 'deploy' });
  expect((await readdir(join(folder, 'dev'))).toSorted()).toEqual(['.deployed', 'orders']);
  expect(await readdir(join(folder, 'dev', '.deployed'))).toEqual([claimKey('churn')]);
  await transport.provision();
});

test('a folder in HIKYAKU_DIR, where messages are elsewhere', async () => {
  const folder = await temporaryFolder();
  await writeWith({ HIKYAKU_DIR: folder, TRANSPORT_URL: 'sqs://eu-west-1' });
  expect(await readdir(join(folder, 'deployed'))).toEqual([claimKey('churn')]);
});

test('memory', async () => {
  await writeWith({ DEPLOYED_URL: 'memory:' });
  await writeWith({ TRANSPORT_URL: 'memory:', AWS_LAMBDA_FUNCTION_NAME: 'deploy' });
});

test.skipIf(WITHOUT_REDIS)('the Redis that carries the messages, or another one', async () => {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  const key = claimKey('churn');
  await writeWith({ TRANSPORT_URL: server.url });
  await writeWith({ TRANSPORT_URL: server.url.replace('redis:', 'redis+list:').concat('?prefix=lists') });
  await writeWith({ TRANSPORT_URL: 'sqs://eu-west-1', DEPLOYED_URL: `${server.url}?prefix=other` });
  expect((await server.admin.keys('*')).toSorted()).toEqual(
    ['hikyaku', 'lists', 'other'].map((prefix) => `${prefix}:deployed:${key}`),
  );
});

test('a bucket, at an emulator that AWS tools are pointed at too', async () => {
  const server = await startS3('models');
  onTestFinished(server.stop);
  const keys = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_ENDPOINT_URL_S3: server.url };
  await writeWith({ ...keys, DEPLOYED_URL: 's3://models/a/b/', AWS_REGION: 'eu-west-1' });
  await writeWith({ ...keys, DEPLOYED_URL: 's3://models?region=eu-central-1' });
  const key = `${claimKey('churn')}.json`;
  expect([...server.objects.keys()]).toEqual([`a/b/${key}`, key]);
  expect(server.requests[1]?.headers.authorization).toContain('/eu-central-1/s3/');
});

test.each([
  ['nothing', {}, 'DEPLOYED_URL is not set: expected s3://bucket/prefix'],
  ['SQS', { TRANSPORT_URL: 'sqs://eu-west-1' }, 'DEPLOYED_URL is not set'],
])('a function on %s has to be told', async (_, environment, message) => {
  const opening = openClaims({ ...environment, AWS_LAMBDA_FUNCTION_NAME: 'deploy' }, 'hikyaku');
  await expect(opening).rejects.toBeInstanceOf(InvalidDeployOptions);
  await expect(opening).rejects.toThrow(message);
});

test.each([
  ['models', 'DEPLOYED_URL is no place that is offered: expected s3://bucket/prefix, redis://'],
  ['postgres://host/x', 'DEPLOYED_URL is no place that is offered'],
  ['file://host/x', 'DEPLOYED_URL is no place that is offered'],
  ['file:///x?prefix=y', 'DEPLOYED_URL is not the absolute path of a folder'],
  ['s3://Bucket_1/x?region=eu-west-1', 'DEPLOYED_URL does not name a bucket'],
  ['s3://bucket:80/x?region=eu-west-1', 'DEPLOYED_URL does not name a bucket'],
  ['s3://bucket/x?regoin=eu-west-1', 'DEPLOYED_URL does not name a bucket'],
  ['s3://bucket/%zz?region=eu-west-1', 'DEPLOYED_URL does not name a bucket'],
  ['s3://bucket/x', 'DEPLOYED_URL does not say in which region its bucket is'],
  ['redis://host?prefiks=x', 'DEPLOYED_URL: prefiks is not an option of redis: (did you mean prefix?)'],
])('%s is refused', async (url, message) => {
  const opening = openClaims({ DEPLOYED_URL: url }, 'hikyaku');
  await expect(opening).rejects.toBeInstanceOf(InvalidDeployOptions);
  await expect(opening).rejects.toThrow(message);
});
