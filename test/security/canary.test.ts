import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { startFauxqs } from 'fauxqs';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import * as z from 'zod/mini';
import system from '../../hikyaku.config.ts';
import { defineConfig, topic } from '../../src/config/define-config.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { encode, wrap } from '../../src/message/envelope.ts';
import { keyOf, SIGNATURE, sign } from '../../src/message/signature.ts';
import { modelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { modelToEvaluate } from '../../src/model-ready/to-evaluate.ts';
import type { Outgoing } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { CANARY, CANARY_WEBHOOK_SECRET, canariesIn } from '../support/canary.ts';
import { startCli } from '../support/cli.ts';
import { startHttpServer } from '../support/http-server.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const SIGNING_KEY = `${CANARY}-and-so-long-that-it-is-one`;
const AWS = {
  AWS_REGION: 'eu-west-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: CANARY,
  AWS_SESSION_TOKEN: `${CANARY}token`,
};

const Note = defineMessage({
  name: 'notes',
  version: 1,
  schema: z.object({ n: z.number(), note: z.string() }),
});
const config = defineConfig({
  topics: [
    topic(Note, {
      desk: { loadHandler: async () => ({ default: () => undefined }), lambda: { entry: 'x' } },
    }),
  ],
});

/** The same as a file, with a handler that fails by what it is given. */
const CONFIG = `
import * as z from ${JSON.stringify(import.meta.resolve('zod/mini'))};
import { defineConfig, defineMessage, topic, Reject } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url))};
const Note = defineMessage({ name: 'notes', version: 1, schema: z.object({ n: z.number(), note: z.string() }) });
function handler({ data }) {
  if (data.n === 1) throw new Error('it failed');
  if (data.n === 2) throw new Reject('it cannot be done');
  if (data.n === 3) return JSON.parse('{').then();
}
export default defineConfig({ topics: [topic(Note, { desk: {
  loadHandler: async () => ({ default: handler }), retry: { maxAttempts: 2, baseMs: 1 }, lambda: { entry: 'x' } } })] });
`;

const folder = mkdtempSync(join(tmpdir(), 'hikyaku-canary-'));
writeFileSync(join(folder, 'hikyaku.config.mjs'), CONFIG);
writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function note(id: string, n: unknown, signed = true): Outgoing {
  const body = encode({
    ...wrap(Note, { n: 0, note: CANARY }, { id }),
    data: { n, note: CANARY, [id]: CANARY },
  });
  return outgoing(id, body, signed);
}

function outgoing(id: string, body: string, signed: boolean): Outgoing {
  const key = keyOf(SIGNING_KEY);
  return { id, body, headers: signed ? { [SIGNATURE]: sign(key, 'notes', { id, body }) } : { mine: CANARY } };
}

const MESSAGES = [
  note('good', 0),
  note('failing', 1),
  note('rejected', 2),
  note('crashing', 3),
  note('wrong', CANARY),
  note('unsigned', 0, false),
  { ...note('changed', 0), body: note('changed', 4).body },
  outgoing('no-json', `${CANARY} {"${CANARY}": ${CANARY}`, true),
  outgoing('no-json-2', `{"data":{"card":"${CANARY}"`, true),
  outgoing('unsafe', `{"data":{"${CANARY.slice(0, 3)}":{"__proto__":"${CANARY}"}}}`, true),
];
/** Those that end as dead letters. */
const DEAD = MESSAGES.length - 1;

const secrets = { HIKYAKU_SIGNING_KEY: SIGNING_KEY, ...AWS };

async function cli(url: string, ...words: string[]) {
  const command = startCli(words, { TRANSPORT_URL: url, ...secrets }, folder);
  onTestFinished(() => void command.child.kill('SIGKILL'));
  const code = await command.exit;
  return { code, output: command.stdout() + command.stderr() };
}

/** A worker that has handled all there is, and what it printed. */
async function worked(url: string, dead: number, ...words: string[]): Promise<string> {
  const transport = await openTransport(url, config);
  onTestFinished(() => transport.close());
  await transport.send('notes', MESSAGES);
  const command = startCli(['work', 'notes/desk', ...words], { TRANSPORT_URL: url, ...secrets }, folder);
  onTestFinished(() => void command.child.kill('SIGKILL'));
  const address = { topic: 'notes', subscription: 'desk' };
  await expect
    .poll(() => transport.depth(address), { timeout: 30_000 })
    .toMatchObject({ ready: 0, inFlight: 0, delayed: 0, dead });
  command.child.kill('SIGTERM');
  expect(await command.exit, command.stderr()).toBe(0);
  return command.stdout() + command.stderr();
}

async function staysSilent(url: string): Promise<void> {
  const provisioned = await cli(url, 'provision');
  expect(provisioned.code, provisioned.output).toBe(0);
  const outputs = [provisioned.output, await worked(url, DEAD, '--json')];
  expect(outputs[1]).toContain('dead_lettered');
  for (const words of [
    ['status', '--json'],
    ['dlq', 'list', 'notes'],
    ['dlq', 'list', 'notes', '--json'],
    ['dlq', 'list', 'notes', '--groups'],
    ['dlq', 'replay', 'notes', 'failing', '--json'],
  ]) {
    const { code, output } = await cli(url, ...words);
    expect(code, output).toBe(0);
    outputs.push(output);
  }
  const purged = await cli(url, 'dlq', 'purge', 'notes', '--all');
  outputs.push(purged.output);
  for (const output of outputs) expect(canariesIn(output)).toEqual([]);
}

describe('neither secrets nor data are printed', () => {
  it.skipIf(WITHOUT_REDIS)(
    'by commands and a worker on Redis',
    async () => {
      const server = await startRedis({ requirepass: CANARY });
      onTestFinished(() => server.stop());
      const url = `redis://:${CANARY}@127.0.0.1:${server.port}`;
      await staysSilent(url);
      // What has been replayed dies once more.
      expect(canariesIn(await worked(url, DEAD + 1))).toEqual([]);
      // Shown to whoever asks for it.
      const shown = await cli(url, 'dlq', 'show', 'notes', 'rejected');
      expect(canariesIn(shown.output.split('\nbody, ')[0] ?? '')).toEqual([]);
      expect(shown.output).toContain(CANARY);
    },
    120_000,
  );

  it.skipIf(WITHOUT_REDIS)(
    'where Redis cannot be used, or not so',
    async () => {
      const server = await startRedis({ requirepass: 'another', 'rename-command': 'HELLO\n' });
      const plain = await startRedis({ requirepass: 'another' });
      onTestFinished(() => Promise.all([server.stop(), plain.stop()]).then(() => undefined));
      const at = `user:${CANARY}@127.0.0.1:${server.port}`;
      const tried = [
        `redis://${at}`,
        `redis+list://${at}`,
        `redis://:${CANARY}@127.0.0.1:${plain.port}`,
        `redis://${CANARY}:${CANARY}x@127.0.0.1:${plain.port}`,
        `rediss://${at}`,
        `redis://user:${CANARY}@127.0.0.1:1`,
        `redis://user:${CANARY}@127.0.0.1:${plain.port}?master=m&sentinelPassword=${CANARY}`,
        `redis://user:${CANARY}@127.0.0.1:${plain.port}?cluster=true`,
        `rediss//user:${CANARY}@127.0.0.1`,
        `redis://user:${CANARY}%@127.0.0.1`,
        `redis://user:${CANARY}#@127.0.0.1`,
        `redis://user:/${CANARY}@127.0.0.1`,
      ].map(async (url) => {
        const { code, output } = await cli(url, 'status');
        expect(code, output).not.toBe(0);
        expect(output).toMatch(/^error: /);
        expect(canariesIn(output), url.replaceAll(CANARY, 'x')).toEqual([]);
        // Also what a program would print that does not know what it has caught.
        const error = await openTransport(url, config)
          .then((transport) => transport.send('notes', MESSAGES.slice(0, 1)))
          .catch((thrown: unknown) => thrown);
        expect(canariesIn(inspect(error, { depth: 20 })), url.replaceAll(CANARY, 'x')).toEqual([]);
      });
      await Promise.all(tried);
    },
    120_000,
  );

  it('by commands and a worker on SQS', async () => {
    const emulator = await startFauxqs({ port: 0, logger: false });
    onTestFinished(() => emulator.stop());
    await staysSilent(`sqs://127.0.0.1:${emulator.port}`);
    for (const url of ['sqs://127.0.0.1:1', `sqs://127.0.0.1:${emulator.port}?prefix=none`]) {
      const { code, output } = await cli(url, 'status');
      expect(code).not.toBe(0);
      expect(canariesIn(output)).toEqual([]);
    }
  }, 120_000);

  it('by commands and a worker on files', async () => {
    await staysSilent(`file://${join(folder, 'mq')}`);
  }, 120_000);

  it('by functions, whatever becomes of what they are given', async () => {
    const answers = { status: 500, body: CANARY };
    const server = await startHttpServer((_, response) => {
      response.writeHead(answers.status).end(answers.body);
    });
    const emulator = await startFauxqs({ port: 0, logger: false });
    onTestFinished(() => emulator.stop());
    const url = `sqs://127.0.0.1:${emulator.port}`;
    const transport = await openTransport(url, system);
    await transport.provision();
    await transport.close();
    const invoked = startFunctions({
      TRANSPORT_URL: url,
      DEPLOY_URL: server.url,
      DEPLOY_SECRET: CANARY_WEBHOOK_SECRET,
      DEPLOYED_URL: 'memory:',
      MLFLOW_TRACKING_URI: server.url.replace('http://', `http://user:${CANARY}@`),
      MLFLOW_TRACKING_TOKEN: CANARY,
      MLFLOW_WEBHOOK_SECRET: CANARY,
      ...secrets,
    });
    const deploy = { model_id: CANARY, model_name: 'm', model_version: '1', token_symbol: 'x' };
    const values = { metric_name: 'auc', metric_direction: 'higher', baseline_value: 1, current_value: 2 };
    const model = { ...deploy, ...values, improvement_percentage: 100, tags: { note: CANARY } };
    const good = wrap(modelReadyToDeploy, { ...model, metric_direction: 'higher' }, { id: 'good' });
    const bodies = [
      encode(good),
      `{"data":"${CANARY}`,
      encode({ ...good, data: { ...model, tags: [CANARY] } }),
    ];
    const sagemaker = {
      source: 'sagemaker',
      event: 'model_package.approved',
      delivery_id: 'd',
      model_name: 'm',
      model_version: '1',
      properties: { 'baseline.value': CANARY, token_symbol: CANARY, 'benchmark.metric': CANARY },
    } as const;
    const mlflow = { source: 'mlflow', event: 'model_version.created', delivery_id: 'd' } as const;
    const evaluate = [
      encode(wrap(modelToEvaluate, sagemaker, { id: 'e-1' })),
      encode(wrap(modelToEvaluate, { ...mlflow, model_name: 'm', model_version: '1' }, { id: 'e-2' })),
    ];
    for (const [status, body] of [
      [500, CANARY],
      [401, CANARY],
      [200, `<html>${CANARY}`],
      [200, JSON.stringify({ model_version: { name: 7, version: CANARY, tags: CANARY } })],
    ] as const) {
      Object.assign(answers, { status, body });
      await invoked.call('deploy-model', records('model_ready_to_deploy', bodies));
      await invoked.call('evaluate-model', records('model_to_evaluate', evaluate));
      await invoked.call('emit-model', { requestContext: { http: {} }, body: JSON.stringify('models:/m/1') });
    }
    for (const text of [`{"x":"${CANARY}`, `"${CANARY}"`, JSON.stringify({ token_symbol: CANARY })]) {
      const event = { requestContext: { http: {} }, body: text };
      await invoked.call('emit-model', event);
      await invoked.call('evaluate-webhook', { ...event, headers: signed(text, 'another') });
      await invoked.call('evaluate-webhook', { ...event, headers: signed(text, CANARY) });
    }
    const output = await invoked.end();
    for (const event of ['dead_lettered', 'refused', 'request_failed']) expect(output).toContain(event);
    expect(canariesIn(output)).toEqual([]);
  }, 120_000);
});

function signed(text: string, secret: string) {
  const timestamp = String(Math.trunc(Date.now() / 1_000));
  const mac = createHmac('sha256', secret).update(`d-1.${timestamp}.${text}`).digest('base64');
  return {
    'x-mlflow-delivery-id': 'd-1',
    'x-mlflow-timestamp': timestamp,
    'x-mlflow-signature': `v1,${mac}`,
  };
}

/** An event of SQS with these bodies, signed. */
function records(name: string, bodies: readonly string[]) {
  return {
    Records: bodies.map((body, index) => {
      const id = `${name}-${index}`;
      const signature = sign(keyOf(SIGNING_KEY), name, { id, body });
      return {
        messageId: id,
        receiptHandle: CANARY,
        body,
        attributes: { ApproximateReceiveCount: '9', SentTimestamp: '1' },
        messageAttributes: {
          hikyaku: { stringValue: JSON.stringify({ signature }), dataType: 'String' },
          'hikyaku-id': { stringValue: id, dataType: 'String' },
        },
      };
    }),
  };
}

/** The functions of this system, in a process that Lambda might have started; answers are said by number only. */
function startFunctions(environment: NodeJS.ProcessEnv) {
  const script = `
    import { createInterface } from 'node:readline';
    for await (const line of createInterface({ input: process.stdin })) {
      const { name, event } = JSON.parse(line);
      const { handler } = await import(${JSON.stringify(`${ROOT}lambdas/`)} + name + '.ts');
      try {
        await handler(event, { getRemainingTimeInMillis: () => 20_000 });
      } catch (error) {
        // As Lambda logs it.
        console.error(error);
      }
      console.log('answered');
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], AWS_LAMBDA_FUNCTION_NAME: 'canary', ...environment },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  const exit = new Promise((resolve) => child.once('close', resolve));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  let calls = 0;
  return {
    async call(name: string, event: unknown): Promise<void> {
      child.stdin.write(`${JSON.stringify({ name, event })}\n`);
      calls++;
      await expect
        .poll(() => output.split('answered').length - 1, { timeout: 40_000, message: name })
        .toBeGreaterThanOrEqual(calls);
    },
    async end(): Promise<string> {
      child.stdin.end();
      await exit;
      return output;
    },
  };
}
