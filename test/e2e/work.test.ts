import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startFauxqs } from 'fauxqs';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import config from '../../hikyaku.config.ts';
import { openTransport } from '../../src/transport/url.ts';
import { CANARY_WEBHOOK_SECRET } from '../support/canary.ts';
import { runHere, startCli } from '../support/cli.ts';
import { startHttpServer } from '../support/http-server.ts';
import { plainEvaluation } from '../support/model-examples.ts';

const folder = mkdtempSync(join(tmpdir(), 'hikyaku-work-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('hikyaku work', () => {
  it('answers probes, and on SIGTERM says that it is not ready, drains, and ends with 0', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    const url = `sqs://127.0.0.1:${emulator.port}`;
    const transport = await openTransport(url, config);
    await transport.provision();
    await transport.close();
    const worker = startCli(['work', 'model_ready_to_deploy/deploy', '--health', '0', '--json'], {
      TRANSPORT_URL: url,
      HIKYAKU_DIR: folder,
    });
    const { port } = await worker.waitFor({ event: 'health' });
    const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status;
    await expect.poll(ready, { timeout: 15_000 }).toBe(200);
    worker.child.kill('SIGTERM');
    // The last long poll is let end, so there is time to ask.
    await expect.poll(ready, { timeout: 3_000, interval: 20 }).toBe(503);
    expect(await worker.exit).toBe(0);
    await emulator.stop();
  }, 40_000);

  it('drains when nobody reads any more what it says', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    onTestFinished(() => emulator.stop());
    const url = `sqs://127.0.0.1:${emulator.port}`;
    const transport = await openTransport(url, config);
    onTestFinished(() => transport.close());
    await transport.provision();
    const deploying = Promise.withResolvers<ServerResponse>();
    const platform = await startHttpServer((_, response) => deploying.resolve(response));
    const evaluation = join(folder, 'evaluation.json');
    writeFileSync(evaluation, JSON.stringify(plainEvaluation()));
    const emitted = await runHere(['emit', evaluation], { TRANSPORT_URL: url });
    expect(emitted.code, emitted.stderr).toBe(0);

    const worker = startCli(['work', 'model_ready_to_deploy', '--json'], {
      TRANSPORT_URL: url,
      HIKYAKU_DIR: folder,
      DEPLOY_URL: platform.url,
      DEPLOY_SECRET: CANARY_WEBHOOK_SECRET,
    });
    const response = await deploying.promise;
    worker.child.stdout.destroy();
    // What it says of this one finds nobody, while the other is being deployed.
    await transport.send('model_ready_to_deploy', [{ id: 'bad', body: 'not json', headers: {} }]);
    const depth = () => transport.depth({ topic: 'model_ready_to_deploy', subscription: 'deploy' });
    await expect.poll(depth, { timeout: 10_000 }).toMatchObject({ dead: 1 });
    response.end();
    expect(await worker.exit).toBe(0);
    expect(await depth()).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 1 });
  }, 40_000);

  it('handles only what was signed, where the environment names a key', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    onTestFinished(() => emulator.stop());
    const url = `sqs://127.0.0.1:${emulator.port}`;
    const transport = await openTransport(url, config);
    onTestFinished(() => transport.close());
    await transport.provision();
    const evaluation = join(folder, 'signed.json');
    writeFileSync(evaluation, JSON.stringify(plainEvaluation()));
    const key = join(folder, 'key');
    writeFileSync(key, '0123456789abcdef0123456789abcdef\n');
    const signed = { TRANSPORT_URL: url, HIKYAKU_SIGNING_KEY_FILE: key };
    expect(await runHere(['emit', evaluation], signed)).toMatchObject({ code: 0 });
    await transport.send('model_ready_to_deploy', [{ id: 'forged', body: '{}', headers: {} }]);

    const worker = startCli(['work', 'model_ready_to_deploy', '--json'], { ...signed, HIKYAKU_DIR: folder });
    await worker.waitFor({ event: 'dead_lettered', id: 'forged', code: 'signature' });
    await worker.waitFor({ event: 'handled' });
    worker.child.kill('SIGTERM');
    expect(await worker.exit).toBe(0);
    const both = { ...signed, HIKYAKU_SIGNING_KEY: 'another' };
    expect(await runHere(['status'], both)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('HIKYAKU_SIGNING_KEY and HIKYAKU_SIGNING_KEY_FILE are set'),
    });
  }, 40_000);

  it.each([
    [['work', 'model_ready_to_deploy', 'nobody'], 2, /nobody is not a subscription/],
    [['work', 'model_ready_to_deploy', '--health', '99999'], 2, /expected a whole number from 0 to 65535/],
    [['workers'], 0, /^$/],
    [['work', 'model_to_evaluate', '--json'], 2, /^error: "\.01" is no minimum improvement: .*\n$/],
  ])('%j ends with %i', async (words, code, message) => {
    const environment = { TRANSPORT_URL: 'memory:', HIKYAKU_DIR: folder, MIN_IMPROVEMENT: '.01' };
    const result = await runHere(words, environment);
    expect(result.stderr).toMatch(message);
    expect(result.code).toBe(code);
  });
});

describe('hikyaku workers', () => {
  it('says that nobody consumes, or that the carrier cannot know', async () => {
    const nobody = await runHere(['workers'], { TRANSPORT_URL: 'memory:' });
    expect(nobody.stdout).toBe('nobody consumes here\n');
    const unknown = await runHere(['workers'], { TRANSPORT_URL: 'sqs://127.0.0.1:1' });
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/^error: sqs does not know its consumers: .*\n$/);
  });
});
