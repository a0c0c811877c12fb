import { channel } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ModelEvent } from '../src/model-ready/events.ts';
import { MODEL_EVENTS_CHANNEL } from '../src/model-ready/events.ts';
import {
  asFunctionUrlEvent,
  MLFLOW_SECRET,
  recordedDeliveries,
  signAnew,
} from '../test/support/mlflow-deliveries.ts';

type Invoke = (event: unknown) => Promise<unknown>;

const read = (file: string): unknown => JSON.parse(readFileSync(`examples/${file}`, 'utf8'));
const evaluation = read('evaluations/churn-predictor.v7.json');
const run = read('mlflow/runs/run.iris-species.v2.lda.json');
const version = read('mlflow/runs/model-version.iris-species.v2.json');
const worse = read('mlflow/runs/run.iris-species.v3.decision-tree.json');

let emit: Invoke;
let log = '';

beforeAll(async () => {
  vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'emit');
  vi.stubEnv('TRANSPORT_URL', 'memory:');
  vi.stubEnv('MIN_IMPROVEMENT', '1%');
  const { handler } = await import('./emit-model.ts');
  emit = (event) => Promise.resolve(Reflect.apply(handler, undefined, [event, {}]));
});
afterEach(() => {
  log = '';
  vi.restoreAllMocks();
});

function listen(): void {
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    log += String(text);
    return true;
  });
}

const http = (body: unknown) => ({
  requestContext: { http: {} },
  body: JSON.stringify(body),
  isBase64Encoded: false,
});

describe('the emit function', () => {
  it('says what was announced and what was rejected, and why', async () => {
    listen();
    const answer = await emit({ documents: [evaluation, run, version, worse] });
    expect(answer).toMatchObject({
      announced: [
        { model_name: 'churn-predictor', model_version: '7', id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
        { model_name: 'iris-species', model_version: '2' },
      ],
      rejected: [
        {
          mlflow_run_id: '02765c16b721496cacf7885801d41245',
          code: 'not_registered',
          reason: expect.any(String),
        },
      ],
    });
    const lines: ModelEvent[] = log
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['judged', 'rejected', 'published', 'announced']),
    );
  });

  it('gives the same thing the same id, directly and over HTTP', async () => {
    listen();
    const direct = await emit(evaluation);
    const over = await emit(http(evaluation));
    expect(over).toMatchObject({ statusCode: 200, body: JSON.stringify(direct) });
  });

  it('asks for its least improvement', async () => {
    listen();
    const diabetes = [
      'run.diabetes-progression.v3.random-forest.json',
      'model-version.diabetes-progression.v3.json',
    ];
    const answer = await emit(diabetes.map((file) => read(`mlflow/runs/${file}`)));
    expect(answer).toMatchObject({ announced: [], rejected: [{ code: 'below_minimum' }] });
  });

  it('answers an evaluation that does not fit with 400 and the path', async () => {
    const wrong = { ...Object(evaluation), token_symbol: 'NO' };
    expect(await emit(http(wrong))).toMatchObject({
      statusCode: 400,
      body: expect.stringContaining('token_symbol'),
    });
    await expect(emit(wrong)).rejects.toMatchObject({ name: 'InvalidEvaluation' });
  });

  it('answers a registry that is not there', async () => {
    expect(await emit(http('models:/iris-species/2'))).toMatchObject({
      statusCode: 502,
      body: expect.stringContaining('MLFLOW_TRACKING_URI is not set'),
    });
  });

  it('answers what could not be published with 503 and what became of each', async () => {
    vi.stubEnv('TRANSPORT_URL', 'sqs://127.0.0.1:1');
    const { emitFunction } = await import('../src/model-ready/judge/emit-function.ts');
    const { default: config } = await import('../hikyaku.config.ts');
    const error = vi.spyOn(console, 'error').mockImplementation(() => {});
    const handler = emitFunction({ ...config, topics: [] });
    const answer = await Reflect.apply(handler, undefined, [http(evaluation), {}]);
    expect(answer).toMatchObject({
      statusCode: 503,
      body: expect.stringContaining('"failed":[{"model_name":"churn-predictor"'),
    });
    expect(error).toHaveBeenCalledOnce();
    vi.stubEnv('TRANSPORT_URL', 'memory:');
  });
});

describe('the evaluate webhook', () => {
  it('publishes what MLflow asks for', async () => {
    listen();
    vi.stubEnv('MLFLOW_WEBHOOK_SECRET', MLFLOW_SECRET);
    const { handler } = await import('./evaluate-webhook.ts');
    const [created, tagged] = recordedDeliveries().map((delivery) => signAnew(delivery));
    if (created === undefined || tagged === undefined) throw new Error('no deliveries');
    const answer = await handler(asFunctionUrlEvent(created, { base64: true }));
    expect(answer).toMatchObject({ statusCode: 202 });
    expect(await handler(asFunctionUrlEvent(tagged))).toMatchObject({ statusCode: 200 });
    expect(await handler(asFunctionUrlEvent({ ...created, body: '{}' }))).toMatchObject({ statusCode: 401 });
    for (const event of ['published', 'requested', 'ignored', 'refused']) {
      expect(log).toContain(`"event":"${event}"`);
    }
    expect(log).toContain('"level":"warn","event":"refused"');
    expect(log).not.toContain(MLFLOW_SECRET);
  });
});

describe('the deploy function', () => {
  it('hands each record to the deploy handler', async () => {
    const { handler } = await import('./deploy-model.ts');
    const { modelReadyToDeploy } = await import('../src/model-ready/contract.ts');
    const { encode, wrap } = await import('../src/message/envelope.ts');
    const deployed: unknown[] = [];
    channel(MODEL_EVENTS_CHANNEL).subscribe((event) => deployed.push(event));
    listen();
    const data = {
      model_id: 'm',
      model_name: 'iris-species',
      model_version: '2',
      token_symbol: 'iris-x',
      metric_name: 'log_loss',
      metric_direction: 'lower' as const,
      baseline_value: 0.2,
      current_value: 0.1,
      improvement_percentage: 50,
    };
    const record = (messageId: string, body: string) => ({
      messageId,
      receiptHandle: messageId,
      body,
      attributes: {
        ApproximateReceiveCount: '1',
        SentTimestamp: '1',
        SenderId: '',
        ApproximateFirstReceiveTimestamp: '1',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: '',
      awsRegion: '',
    });
    const good = encode(wrap(modelReadyToDeploy, data, {}));
    const answer = await handler(
      { Records: [record('good', good), record('bad', 'not json')] },
      { getRemainingTimeInMillis: () => 30_000 },
    );
    // The bad one has no queue to be dead-lettered to here: it is reported, and comes back.
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'bad' }] });
    expect(deployed).toMatchObject([{ event: 'deployed', model_name: 'iris-species', model_version: '2' }]);
    expect(log).toContain('"event":"deployed"');
  });
});
