import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { startWorker } from '../../src/consume/worker.ts';
import { modelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { openTransport } from '../../src/transport/url.ts';
import { CANARY_WEBHOOK_SECRET } from '../support/canary.ts';
import { runHere, startCli } from '../support/cli.ts';
import { startHttpServer } from '../support/http-server.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const TOPIC = 'model_ready_to_deploy';
const ADDRESS = { topic: TOPIC, subscription: 'deploy' } as const;

describe.skipIf(WITHOUT_REDIS)('the command line on redis+list://', () => {
  let server: RedisServer;
  let folder: string;
  let url: string;
  beforeAll(async () => {
    server = await startRedis();
    url = server.url.replace('redis:', 'redis+list:');
    folder = mkdtempSync(join(tmpdir(), 'hikyaku-list-'));
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const cli = (...words: string[]) => runHere(words, { TRANSPORT_URL: url, HIKYAKU_DIR: folder });

  function evaluations(...versions: string[]): string {
    const path = join(folder, versions.join('-'));
    mkdirSync(path);
    for (const model_version of versions) {
      const evaluation = {
        // Models of their own: none takes another's place.
        model_name: `iris-species-${model_version}`,
        model_version,
        token_symbol: 'x',
        metric_name: 'f1',
        baseline_value: 0.5,
        current_value: 0.75,
      };
      writeFileSync(join(path, `${model_version}.json`), JSON.stringify(evaluation));
    }
    return path;
  }

  it('provisions, announces, peeks, gives up, shows, replays, purges and works', async () => {
    expect(await cli('status')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('create what is missing with hikyaku provision'),
    });
    expect((await cli('provision')).stdout).toContain(`${TOPIC}/deploy is there`);
    expect((await cli('emit', evaluations('1', '2', '3'))).code).toBe(0);
    expect((await cli('peek', TOPIC, '--json')).events.map(({ body }) => String(body))).toEqual([
      expect.stringContaining('"model_version":"1"'),
      expect.stringContaining('"model_version":"2"'),
      expect.stringContaining('"model_version":"3"'),
    ]);
    const row = (await cli('status', '--json')).events.find(({ subscription }) => subscription === 'deploy');
    expect(row).toMatchObject({ ready: 3, inFlight: 0, delayed: 0, dead: 0 });

    const transport = await openTransport(url, config);
    onTestFinished(() => transport.close());
    const refusing = startWorker({
      transport,
      address: ADDRESS,
      contract: modelReadyToDeploy,
      retry: { maxAttempts: 1 },
      handler: () => {
        throw new TypeError('no platform');
      },
    });
    await vi.waitFor(async () => expect(await transport.depth(ADDRESS)).toHaveProperty('dead', 3), {
      timeout: 10_000,
    });
    await refusing.close();

    const listed = (await cli('dlq', 'list', TOPIC, '--json')).events;
    expect(listed).toHaveLength(3);
    const [first, second] = listed.map(({ id }) => String(id));
    if (first === undefined || second === undefined) return expect.unreachable();
    expect((await cli('dlq', 'show', TOPIC, first)).stdout).toContain('TypeError: no platform');
    expect((await cli('dlq', 'purge', TOPIC, second)).stdout).toContain('purged: 1');
    expect((await cli('dlq', 'replay', TOPIC, '--all')).stdout).toContain('replayed: 2');
    expect(await transport.depth(ADDRESS)).toEqual({ ready: 2, inFlight: 0, delayed: 0, dead: 0 });

    const platform = await startHttpServer((_, response) => response.end('{}'));
    const work = startCli(['work', TOPIC], {
      TRANSPORT_URL: url,
      HIKYAKU_DIR: folder,
      DEPLOY_URL: platform.url,
      DEPLOY_SECRET: CANARY_WEBHOOK_SECRET,
    });
    onTestFinished(() => void work.child.kill('SIGKILL'));
    await vi.waitFor(() => expect(platform.requests).toHaveLength(2), { timeout: 15_000 });
    expect(platform.requests[0]?.body).toContain('iris-species');
    await vi.waitFor(async () =>
      expect(await transport.depth(ADDRESS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 }),
    );
  }, 60_000);
});
