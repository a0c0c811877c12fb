import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { CANARY_WEBHOOK_SECRET } from '../support/canary.ts';
import { runHere, startCli } from '../support/cli.ts';
import { runDevOnce } from '../support/dev-run.ts';
import { startHttpServer } from '../support/http-server.ts';
import { plainEvaluation } from '../support/model-examples.ts';

const TOPIC = 'model_ready_to_deploy';

function given() {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-dev-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, 'mq');
  return {
    root,
    environment: { HIKYAKU_DIR: join(folder, 'state'), TRANSPORT_URL: pathToFileURL(root).href },
  };
}

describe('TRANSPORT_URL=file:///… npm start', () => {
  it('deploys the same models as on SQS, with the same account', async () => {
    const { environment, root } = given();
    await runDevOnce(environment);
    expect(readdirSync(join(root, TOPIC, 'deploy', 'dead'))).toHaveLength(1);
    expect(readdirSync(join(root, TOPIC, 'deploy', '.tmp'))).toEqual([]);
  }, 60_000);

  it('tells a person where', async () => {
    const { environment, root } = given();
    const { code, stdout, stderr } = await runHere(['dev', '--once'], environment);
    expect(code, stderr).toBe(0);
    expect(stdout).toContain(`files at ${pathToFileURL(root).href}, state in`);
    expect(stdout).toMatch(/deployed +iris-species v2/);
  }, 60_000);
});

describe('the commands on files', () => {
  it('provision, emit, show, work, and bring dead letters back', async () => {
    const { environment, root } = given();
    const run = async (...words: string[]) => {
      const result = await runHere(words, environment);
      expect(result.code, result.stderr).toBe(0);
      return result;
    };
    expect(await runHere(['status'], environment)).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('create it with hikyaku provision'),
    });
    expect((await run('provision')).stdout).toContain(`${TOPIC}/deploy is there`);
    const evaluation = join(environment.HIKYAKU_DIR, '..', 'evaluation.json');
    writeFileSync(evaluation, JSON.stringify(plainEvaluation()));
    await run('emit', evaluation);
    const ready = join(root, TOPIC, 'deploy', 'new');
    expect(readdirSync(ready)).toHaveLength(1);
    const status = async () =>
      (await run('status', '--json')).events.find(({ subscription }) => subscription === 'deploy');
    expect(await status()).toMatchObject({ ready: 1, inFlight: 0, delayed: 0, dead: 0 });
    expect((await run('peek', TOPIC)).stdout).toContain(String(plainEvaluation().model_name));
    expect(await status()).toMatchObject({ ready: 1 });
    // Another program's, and no message.
    writeFileSync(join(ready, '.bad.tmp'), 'not json');
    writeFileSync(join(ready, 'bad.txt'), 'not json');

    const deployed: string[] = [];
    const platform = await startHttpServer((_, response) => {
      deployed.push('one');
      response.end();
    });
    const worker = startCli(['work', TOPIC, '--json'], {
      ...environment,
      DEPLOY_URL: platform.url,
      DEPLOY_SECRET: CANARY_WEBHOOK_SECRET,
    });
    onTestFinished(() => void worker.child.kill('SIGKILL'));
    await worker.waitFor({ event: 'dead_lettered', id: 'bad.txt' });
    await expect.poll(() => deployed, { timeout: 10_000 }).toEqual(['one']);
    worker.child.kill('SIGTERM');
    expect(await worker.exit).toBe(0);

    expect(await status()).toMatchObject({ ready: 0, inFlight: 0, delayed: 0, dead: 1 });
    expect((await run('dlq', 'list', TOPIC)).stdout).toContain('bad.txt');
    expect((await run('dlq', 'show', TOPIC, 'bad.txt')).stdout).toContain('not json');
    await run('dlq', 'replay', TOPIC, '--all');
    expect(await status()).toMatchObject({ ready: 1, dead: 0 });
  }, 60_000);
});
