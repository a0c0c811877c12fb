import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import config from '../../hikyaku.config.ts';
import { MLFLOW_SECRET, recordedDeliveries, signAnew } from '../../test/support/mlflow-deliveries.ts';
import { plainEvaluation } from '../../test/support/model-examples.ts';
import { modelPackageEvent } from '../../test/support/sagemaker-event.ts';
import { type ModelEvent, observeModels } from '../model-ready/events.ts';
import { fixedSecrets, SecretUnavailable } from '../secrets/secrets.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { type ServeOptions, serve } from './open.ts';

async function start(options: Partial<ServeOptions> = {}) {
  const transport = createMemoryTransport(config);
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const server = await serve({
    config,
    transport,
    webhookSecret: fixedSecrets([MLFLOW_SECRET]),
    port: 0,
    host: '127.0.0.1',
    environment: {},
    ...options,
  });
  onTestFinished(async () => {
    await server.close();
    await transport.close();
  });
  const post = async (path: string, body: string | Buffer, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return { status: answer.status, body: await answer.json() };
  };
  const ready = async (topic: string, subscription: string) =>
    (await transport.depth({ topic, subscription })).ready;
  return { server, transport, events, post, ready };
}

const evaluation = JSON.stringify(plainEvaluation());

describe('evaluations', () => {
  it('are judged and announced, one, a list or a batch', async () => {
    const { post, ready } = await start();
    const { status, body } = await post('/evaluations', evaluation);
    expect(status).toBe(200);
    expect(body).toMatchObject({ announced: [{ model_name: 'churn-predictor' }], rejected: [] });
    const worse = plainEvaluation({ model_version: '8', current_value: 0.1 });
    const batch = await post('/evaluations', JSON.stringify({ documents: [plainEvaluation(), worse] }));
    expect(batch.body).toMatchObject({ announced: [{}], rejected: [{ code: 'not_better' }] });
    expect(await ready('model_ready_to_deploy', 'deploy')).toBe(2);
  });

  it.each([
    ['no JSON', '{', 400, 'the body is not JSON that can be used'],
    ['a wrong field', JSON.stringify(plainEvaluation({ token_symbol: 1 })), 400, 'token_symbol: expected'],
    ['unsafe JSON', '{"tags":{"__proto__":{}}}', 400, 'can be used: tags.__proto__: the key __proto__'],
    ['too much', `"${'x'.repeat(1_048_577)}"`, 413, 'the body is too long'],
  ])('%s is refused, and it is said', async (_, body, status, error) => {
    const { post, events } = await start();
    const answer = await post('/evaluations', body);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error: expect.stringContaining(error) });
    expect(events).toMatchObject([{ event: 'refused', status, reason: expect.stringContaining(error) }]);
  });

  it('say when the carrier did not take them, and which', async () => {
    const transport = createMemoryTransport(config);
    await transport.close();
    const { post } = await start({ transport });
    const { status, body } = await post('/evaluations', evaluation);
    expect(status).toBe(503);
    expect(body).toMatchObject({ announced: [], failed: [{ model_name: 'churn-predictor' }] });
  });
});

describe('who may post', () => {
  it('is who has the token, where there is one', async () => {
    const { post, events } = await start({ token: fixedSecrets(['of-publishers', 'the-one-before']) });
    for (const given of [undefined, 'Bearer', 'Bearer wrong', 'Basic of-publishers', 'of-publishers']) {
      const answer = await post(
        '/evaluations',
        evaluation,
        given === undefined ? {} : { authorization: given },
      );
      expect(answer.status).toBe(401);
      expect(JSON.stringify(answer.body)).not.toContain('of-publishers');
    }
    expect(events.map(({ event }) => event)).toEqual(Array(5).fill('refused'));
    for (const given of ['Bearer of-publishers', 'bearer the-one-before']) {
      expect((await post('/evaluations', evaluation, { authorization: given })).status).toBe(200);
    }
  });

  it('is nobody while the token cannot be read', async () => {
    const away = () => Promise.reject(new SecretUnavailable('away: arn'));
    const { post, events } = await start({ token: { current: away, renewed: away } });
    const answer = await post('/evaluations', evaluation, { authorization: 'Bearer of-publishers' });
    expect(answer).toEqual({ status: 503, body: { error: 'try again later' } });
    expect(events).toMatchObject([{ event: 'refused', status: 503, reason: 'away: arn' }]);
  });

  it.each([
    ['a page of another site', { origin: 'https://evil.example' }, 403],
    ['a page that is no site', { origin: 'null' }, 403],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['a text, which a page may post without asking', { 'content-type': 'text/plain' }, 415],
    ['a page of this machine', { origin: 'http://localhost:3000' }, 200],
  ])('without a token: %s', async (_, headers, status) => {
    const { post } = await start();
    expect((await post('/evaluations', evaluation, headers)).status).toBe(status);
  });

  it('without a token is nobody who comes by another name', async () => {
    const { server } = await start();
    const { port } = new URL(server.url);
    const status = await new Promise((resolve, reject) => {
      const headers = { host: 'rebound.example', 'content-type': 'application/json' };
      const asked = request({ host: '127.0.0.1', port, path: '/evaluations', method: 'POST', headers });
      asked.on('response', (response) => resolve(response.resume().statusCode)).on('error', reject);
      asked.end(evaluation);
    });
    expect(status).toBe(403);
  });
});

describe('webhooks', () => {
  it('of MLflow are taken as the function takes them', async () => {
    const { post, ready } = await start();
    const answers = [];
    for (const delivery of recordedDeliveries()) {
      const { headers, body } = signAnew(delivery);
      answers.push((await post('/webhooks/mlflow', body, headers)).status);
    }
    expect(new Set(answers)).toEqual(new Set([200, 202]));
    expect(await ready('model_to_evaluate', 'judge')).toBe(answers.filter((status) => status === 202).length);
  });

  it('of MLflow are refused with another secret, or none, and it is said', async () => {
    const { post, events } = await start();
    const [delivery] = recordedDeliveries();
    if (delivery === undefined) throw new Error('no delivery');
    const { headers, body } = signAnew(delivery, { secret: 'forged' });
    expect((await post('/webhooks/mlflow', body, headers)).status).toBe(401);
    expect(events.at(-1)).toMatchObject({ event: 'refused', status: 401, delivery: true });
    expect((await post('/webhooks/mlflow', body)).status).toBe(401);
    expect(events.at(-1)).toMatchObject({ event: 'refused', status: 401, delivery: false });
  });

  it('of MLflow are not taken without a secret, and it is said', async () => {
    const { post, events, ready } = await start({ webhookSecret: undefined });
    const [delivery] = recordedDeliveries();
    if (delivery === undefined) throw new Error('no delivery');
    const { headers, body } = signAnew(delivery);
    expect((await post('/webhooks/mlflow', body, headers)).status).toBe(404);
    expect(events).toMatchObject([
      { event: 'refused', status: 404, reason: expect.stringContaining('set up') },
    ]);
    expect(await ready('model_to_evaluate', 'judge')).toBe(0);
  });

  it('of SageMaker are taken from who may post', async () => {
    const { post, ready } = await start({ token: fixedSecrets(['t']) });
    const event = JSON.stringify(modelPackageEvent());
    expect((await post('/webhooks/sagemaker', event)).status).toBe(401);
    expect((await post('/webhooks/sagemaker', event, { authorization: 'Bearer t' })).status).toBe(202);
    expect((await post('/webhooks/sagemaker', '{}', { authorization: 'Bearer t' })).status).toBe(400);
    expect(await ready('model_to_evaluate', 'judge')).toBe(1);
  });

  it('are answered with 503 while the carrier is away, so that MLflow tries again', async () => {
    const memory = createMemoryTransport(config);
    const away = new TransportError('Unavailable', 'no route');
    const transport = { ...memory, send: () => Promise.reject(away) };
    const { post, events } = await start({ transport });
    const delivery = recordedDeliveries().find(({ body }) => body.includes('"created"'));
    if (delivery === undefined) throw new Error('no delivery');
    const { headers, body } = signAnew(delivery);
    expect((await post('/webhooks/mlflow', body, headers)).status).toBe(503);
    expect(events.at(-1)).toMatchObject({ event: 'refused', status: 503 });
  }, 30_000);
});

it.each([
  ['GET', '/healthz', 200, { status: 'alive' }],
  ['GET', '/readyz', 200, { status: 'ready' }],
  ['GET', '/evaluations', 405, { error: 'expected POST' }],
  ['PUT', '/webhooks/mlflow', 405, { error: 'expected POST' }],
  ['GET', '/', 404, { error: 'there is nothing here' }],
  ['POST', '/evaluations/..%2f', 404, { error: 'there is nothing here' }],
])('%s %s answers %i', async (method, path, status, body) => {
  const { server } = await start();
  const answer = await fetch(`${server.url}${path}`, { method });
  expect(answer.status).toBe(status);
  expect(await answer.json()).toEqual(body);
});

it('what is in flight when the server closes is answered, and nothing else is taken', async () => {
  const memory = createMemoryTransport(config);
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const transport: Transport = {
    ...memory,
    async send(...sent) {
      begun.resolve();
      await goOn.promise;
      return memory.send(...sent);
    },
  };
  const { post, server } = await start({ transport });
  const answer = post('/evaluations', evaluation);
  await begun.promise;
  const closed = server.close();
  await expect(fetch(`${server.url}/healthz`)).rejects.toThrow();
  goOn.resolve();
  expect(await answer).toMatchObject({ status: 200, body: { announced: [{}] } });
  await closed;
  expect((await memory.depth({ topic: 'model_ready_to_deploy', subscription: 'deploy' })).ready).toBe(1);
});

it('a thousand requests at once are all answered', async () => {
  const { post } = await start();
  const answers = await Promise.all(Array.from({ length: 1_000 }, () => post('/evaluations', evaluation)));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});
