import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import { testClaims } from '../../../../test/support/claims.ts';
import { startHttpServer } from '../../../../test/support/http-server.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../../test/support/redis.ts';
import { type RedisCluster, startCluster } from '../../../../test/support/redis-cluster.ts';
import { makeUsers } from '../../../../test/support/redis-rights.ts';
import { startS3 } from '../../../../test/support/s3-server.ts';
import { createFileClaims } from './files.ts';
import { createMemoryClaims } from './memory.ts';
import { createRedisClaims } from './redis.ts';
import { createS3Claims, type S3ClaimsOptions } from './s3.ts';
import { type ClaimStore, claimKey } from './store.ts';

const credentials = async () => ({ accessKeyId: 'test', secretAccessKey: 'test' });

async function temporaryFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'hikyaku-claims-'));
}

describe('claims in memory', () => {
  const store = createMemoryClaims();
  testClaims(() => store);
});

describe('claims in files', () => {
  let root = '';
  beforeAll(async () => {
    root = await temporaryFolder();
  });
  afterAll(() => rm(root, { recursive: true }));
  testClaims(() => createFileClaims(join(root, 'made', 'when needed')));

  it('lose nothing when processes are killed while they write', { timeout: 60_000 }, async () => {
    const args = [join(import.meta.dirname, '../../../../test/support/count-claims.ts'), root, 'killed'];
    const writers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        onTestFinished(() => void writer.kill('SIGKILL'));
        let taken = 0;
        const enough = new Promise<void>((resolve) => {
          writer.stdout.on('data', (dots: Buffer) => {
            taken += dots.length;
            if (taken >= 20) resolve();
          });
        });
        await enough;
        writer.kill('SIGKILL');
        await once(writer, 'close');
        return taken;
      }),
    );
    const told = writers.reduce((sum, taken) => sum + taken);
    const counted = Number((await createFileClaims(root).read('killed'))?.text);
    expect(counted).toBeGreaterThanOrEqual(told);
    // Each may have been killed between its write and its dot.
    expect(counted).toBeLessThanOrEqual(told + writers.length);
  });

  it('keep the newest few revisions only', async () => {
    const store = createFileClaims(root);
    for (let count = 0; count < 20; count++) {
      await store.write('tidy', String(count), (await store.read('tidy'))?.revision);
    }
    const files = await readdir(join(root, claimKey('tidy')));
    expect(files.toSorted()).toEqual([13, 14, 15, 16, 17, 18, 19, 20].map((number) => `${number}.json`));
  });

  it('refuse a writer that is slow when another slow one has just taken the number that it has read', async () => {
    const folder = join(root, claimKey('slow'));
    await mkdir(folder, { recursive: true });
    for (const number of [2, 11, 12, 13, 14, 15, 16, 17, 18])
      await writeFile(join(folder, `${number}.json`), '');
    expect(await createFileClaims(root).write('slow', '3', '2')).toBe(false);
    expect(await createFileClaims(root).read('slow')).toMatchObject({ revision: '18' });
  });

  it('say which folder cannot be used', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(createFileClaims(join(root, 'file')).write('churn', '1', undefined)).rejects.toMatchObject({
      name: 'TransportError',
      message: expect.stringContaining(join(root, 'file')),
    });
  });
});

describe.skipIf(WITHOUT_REDIS)('claims in Redis', () => {
  let server: RedisServer;
  const open: ClaimStore[] = [];
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(async () => {
    for (const store of open) store.close();
    await server.stop();
  });
  const opened = (options: object = {}): ClaimStore => {
    const store = createRedisClaims({ ...server.options, prefix: 'hikyaku', ...options });
    open.push(store);
    return store;
  };
  testClaims(() => opened());

  it('are keys below the prefix, open to whoever consumes', async () => {
    await server.admin.flushall();
    await makeUsers(server);
    const store = opened({ username: 'consumer', password: 'change-me' });
    expect(await store.write('churn', '1', undefined)).toBe(true);
    expect(await server.admin.keys('*')).toEqual([`hikyaku:deployed:${claimKey('churn')}`]);
    expect(await store.read('churn')).toMatchObject({ text: '1' });
  });

  it('are not written as long as too few replicas have them', async () => {
    await expect(opened({ waitReplicas: 1 }).write('lonely', '1', undefined)).rejects.toMatchObject({
      code: 'Unavailable',
    });
  });
});

describe.skipIf(WITHOUT_REDIS)('claims in a cluster of Redis', () => {
  let cluster: RedisCluster;
  const open: ClaimStore[] = [];
  beforeAll(async () => {
    cluster = await startCluster();
  }, 60_000);
  afterAll(async () => {
    for (const store of open) store.close();
    await cluster.stop();
  });
  testClaims(() => {
    const [first] = cluster.masters;
    if (first === undefined) throw new Error('a cluster without masters');
    const store = createRedisClaims({ ...first.options, cluster: { others: [] }, prefix: 'hikyaku' });
    open.push(store);
    return store;
  });
});

describe('claims in S3', () => {
  let server: Awaited<ReturnType<typeof startS3>>;
  beforeAll(async () => {
    server = await startS3('models');
  });
  afterAll(() => server.stop());
  const opened = (options: Partial<S3ClaimsOptions> = {}): ClaimStore =>
    createS3Claims({
      bucket: 'models',
      prefix: 'hikyaku/deployed',
      region: 'eu-west-1',
      endpoint: server.url,
      credentials,
      ...options,
    });
  testClaims(() => opened());

  it('are objects below the prefix', async () => {
    await opened().write('placed', '1', undefined);
    expect(server.objects.get(`hikyaku/deployed/${claimKey('placed')}.json`)?.text).toBe('1');
  });

  it('say which bucket is not there', async () => {
    await expect(opened({ bucket: 'others' }).read('churn')).rejects.toMatchObject({
      code: 'NotFound',
      message:
        'the bucket others answered 404 NoSuchBucket: create the bucket, or name another one in DEPLOYED_URL',
    });
  });
});

test.each([
  [403, '<Error><Code>AccessDenied</Code></Error>', 'Denied'],
  [503, '<Error><Code>SlowDown</Code></Error>', 'Throttled'],
  [500, '', 'Unavailable'],
  [400, '<Error><Code>AuthorizationHeaderMalformed</Code></Error>', 'Invalid'],
  [404, 'no such page', 'Invalid'],
])('an answer %i %s of S3 is %s', async (status, body, code) => {
  const { url } = await startHttpServer((_, response) => void response.writeHead(status).end(body));
  const store = createS3Claims({ bucket: 'b', prefix: '', region: 'eu-west-1', endpoint: url, credentials });
  await expect(store.read('churn')).rejects.toMatchObject({ name: 'TransportError', code });
  await expect(store.write('churn', '1', undefined)).rejects.toMatchObject({ code });
});

test('a write that another one is in the way of is lost', async () => {
  const { url } = await startHttpServer((_, response) => {
    response.writeHead(409).end('<Error><Code>ConditionalRequestConflict</Code></Error>');
  });
  const store = createS3Claims({ bucket: 'b', prefix: '', region: 'eu-west-1', endpoint: url, credentials });
  expect(await store.write('churn', '1', undefined)).toBe(false);
});

test('a bucket that does not answer is away', async () => {
  const { url } = await startHttpServer(() => {});
  const store = createS3Claims({
    bucket: 'b',
    prefix: '',
    region: 'eu-west-1',
    endpoint: url,
    credentials,
    timeoutMs: 100,
  });
  await expect(store.read('churn')).rejects.toMatchObject({ code: 'Unavailable' });
});
