import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { startWorker } from '../../src/consume/worker.ts';
import { modelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere, startCli } from '../support/cli.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const TOPIC = 'model_ready_to_deploy';

const model = (version: string) => ({
  model_id: 'm-1',
  model_name: 'iris-species',
  model_version: version,
  token_symbol: 'iris-x',
  metric_name: 'log_loss',
  metric_direction: 'lower' as const,
  baseline_value: 0.2,
  current_value: 0.1,
  improvement_percentage: 50,
});

describe.skipIf(WITHOUT_REDIS).each(['redis', 'redis+list'])('hikyaku workers on %s', (scheme) => {
  it('lists the workers of every process, with what each has in flight, of retries too', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-workers-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const url = server.url.replace('redis:', `${scheme}:`);
    const environment = { TRANSPORT_URL: url, HIKYAKU_DIR: folder };
    const transport = await openTransport(url, config);
    expect(await runHere(['status'], environment)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('create what is missing with hikyaku provision'),
    });
    expect(await runHere(['provision', '--json'], environment)).toMatchObject({
      code: 0,
      events: expect.arrayContaining([{ topic: TOPIC, subscription: 'deploy' }]),
    });
    expect((await runHere(['provision'], environment)).stdout).toContain(`${TOPIC}/deploy is there`);
    expect((await runHere(['workers'], environment)).stdout).toBe('nobody consumes here\n');

    const busy = startWorker({
      transport,
      address: { topic: TOPIC, subscription: 'deploy' },
      contract: modelReadyToDeploy,
      retry: { baseMs: 10, maxMs: 10 },
      handler: ({ data }, { attempt }) => {
        if (data.model_version === '1' && attempt === 1) throw new Error('try again');
        return new Promise(() => {});
      },
    });
    onTestFinished(async () => {
      await busy.close({ deadlineMs: 0 });
      await transport.close();
    });
    const publisher = createPublisher({ transport });
    await Promise.all(
      ['1', '2', '3'].map((version) => publisher.publish(modelReadyToDeploy, model(version))),
    );
    await vi.waitFor(() => expect(busy.health()).toHaveProperty('atWork', 3), { timeout: 5_000 });

    const idle = startCli(['work', TOPIC], environment);
    onTestFinished(() => void idle.child.kill('SIGKILL'));
    const rows = async () => (await runHere(['workers', '--json'], environment)).events;
    await vi.waitFor(async () => expect(await rows()).toHaveLength(2), { timeout: 15_000 });
    const found = (await rows()).toSorted((a, b) => Number(b['inFlight']) - Number(a['inFlight']));
    expect(found).toMatchObject([
      { topic: TOPIC, subscription: 'deploy', name: busy.name, inFlight: 3 },
      { name: expect.stringMatching(new RegExp(`-${idle.child.pid}-[0-9a-f]{6}$`)), inFlight: 0 },
    ]);
    expect((await runHere(['workers'], environment)).stdout).toMatch(
      new RegExp(`model_ready_to_deploy +deploy +${RegExp.escape(busy.name)} +\\d+ s ago +\\d+ s ago +3`),
    );
  }, 40_000);
});
