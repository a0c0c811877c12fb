import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  asFunctionUrlEvent,
  MLFLOW_SECRET,
  type RecordedDelivery,
  recordedDeliveries,
  signAnew,
  signedAt,
} from '../../../test/support/mlflow-deliveries.ts';
import { modelPackageEvent } from '../../../test/support/sagemaker-event.ts';
import { InvalidMessage, validate, wrap } from '../../message/envelope.ts';
import { fixedSecrets, type Secrets, SecretUnavailable } from '../../secrets/secrets.ts';
import { TransportError } from '../../transport/errors.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { InvalidEvaluation } from '../judge/evaluation.ts';
import { type ModelToEvaluate, modelToEvaluate } from '../to-evaluate.ts';
import { createEvaluateWebhook } from './evaluate-webhook.ts';

const deliveries = recordedDeliveries();

function delivery(event: string, body: string): RecordedDelivery {
  const found = deliveries.find(
    (one) => one.event === event && one.body.includes(body) && one.headers['X-MLflow-Signature'],
  );
  if (found === undefined) throw new Error(`no ${event} with ${body}`);
  return found;
}

const CREATED = delivery('model_version.created', '"name": "iris-species", "version": "2"');

function idOf(data: ModelToEvaluate): { readonly id: string } {
  return { id: wrap(modelToEvaluate, data, {}).id };
}

function open(secrets: Secrets | undefined = fixedSecrets([MLFLOW_SECRET]), at = signedAt(CREATED)) {
  const published: ModelToEvaluate[] = [];
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const clock = { now: at };
  const carrier: { fails?: Error } = {};
  const webhook = createEvaluateWebhook({
    secrets,
    now: () => clock.now,
    publish: async (data) => {
      const checked = await validate(modelToEvaluate, data);
      if (carrier.fails) throw carrier.fails;
      published.push(checked);
      return idOf(checked);
    },
  });
  return { webhook, published, events, clock, carrier };
}

describe('deliveries of a real MLflow server', () => {
  it('ask for each version that was registered, and for challengers, once', async () => {
    const { webhook, published, clock } = open();
    for (const one of deliveries) {
      clock.now = signedAt(one) + 2_000;
      const answer = await webhook(asFunctionUrlEvent(one, { base64: published.length % 2 === 0 }));
      const asks =
        one.event === 'model_version.created' ||
        (one.event === 'model_version_alias.created' && one.body.includes('challenger'));
      const status = one.headers['X-MLflow-Signature'] === undefined ? 401 : asks ? 202 : 200;
      expect(answer, one.body).toMatchObject({ statusCode: status });
    }
    expect(published.map(({ model_name, model_version }) => `${model_name} ${model_version}`)).toEqual([
      ...[1, 2, 3, 4].map((version) => `bc-diagnosis ${version}`),
      ...[1, 2, 3, 2].map((version) => `iris-species ${version}`),
      ...[1, 2, 3, 3].map((version) => `diabetes-progression ${version}`),
      'bc-diagnosis 5',
      'bc-diagnosis 6',
      'iris-species 4',
    ]);
    expect(published.at(-1)).toEqual({
      source: 'mlflow',
      event: 'model_version.created',
      delivery_id: expect.stringMatching(/^5fc23090-/),
      model_name: 'iris-species',
      model_version: '4',
      mlflow_run_id: 'f38e322fe6d84c4f84e08e188a442b36',
    });
  });

  it('are answered with the id of what was published, which is told', async () => {
    const { webhook, published, events } = open();
    const answer = await webhook(asFunctionUrlEvent(CREATED));
    const [data] = published;
    if (data === undefined) throw new Error('nothing was published');
    const { id } = idOf(data);
    expect(answer).toEqual({
      statusCode: 202,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id }),
    });
    expect(events).toEqual([{ event: 'requested', id, model_name: 'iris-species', model_version: '2' }]);
  });

  it('that come again are one, at the same time, later, and in another process', async () => {
    const first = open();
    const event = asFunctionUrlEvent(CREATED);
    const answers = await Promise.all([first.webhook(event), first.webhook(event)]);
    answers.push(await first.webhook(event));
    expect(first.published).toHaveLength(1);
    const second = open();
    answers.push(await second.webhook(event));
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(second.published).toEqual(first.published);
  });

  it('are forgotten after a thousand others, and then said again under the same id', async () => {
    const { webhook, published } = open();
    const first = await webhook(asFunctionUrlEvent(CREATED));
    for (let other = 1; other < 1_000; other++) {
      await webhook(asFunctionUrlEvent(signAnew(CREATED, { id: `other-${other}`, atMs: signedAt(CREATED) })));
    }
    await webhook(asFunctionUrlEvent(CREATED));
    expect(published).toHaveLength(1_000);
    await webhook(asFunctionUrlEvent(signAnew(CREATED, { id: 'one more', atMs: signedAt(CREATED) })));
    expect(await webhook(asFunctionUrlEvent(CREATED))).toEqual(first);
    expect(published).toHaveLength(1_002);
  });

  it('that say the same at another time are another', async () => {
    const { webhook, published } = open();
    await webhook(asFunctionUrlEvent(CREATED));
    await webhook(asFunctionUrlEvent(signAnew(CREATED, { id: 'another', atMs: signedAt(CREATED) })));
    expect(new Set(published.map((data) => idOf(data).id)).size).toBe(2);
  });

  it('are taken with a header in any case', async () => {
    const { webhook } = open();
    const event = { ...asFunctionUrlEvent(CREATED), headers: CREATED.headers };
    expect(await webhook(event)).toMatchObject({ statusCode: 202 });
  });
});

/** With something else in a header, or without it. */
function withHeader(name: string, value: string | undefined): RecordedDelivery {
  const { [name]: _, ...rest } = CREATED.headers;
  return { ...CREATED, headers: value === undefined ? rest : { ...rest, [name]: value } };
}

const at = { atMs: signedAt(CREATED) };
const signature = CREATED.headers['X-MLflow-Signature'] ?? '';

describe('what is no delivery', () => {
  it.each<[string, number, RecordedDelivery]>([
    ['one byte of the body changed', 401, { ...CREATED, body: CREATED.body.replace('iris', 'Iris') }],
    ['a blank more', 401, { ...CREATED, body: `${CREATED.body} ` }],
    ['no body', 401, { ...CREATED, body: '' }],
    ['signed with another secret', 401, signAnew(CREATED, { secret: 'another', ...at })],
    ['no signature', 401, withHeader('X-MLflow-Signature', undefined)],
    ['no delivery id', 401, withHeader('X-MLflow-Delivery-Id', undefined)],
    ['no time', 401, withHeader('X-MLflow-Timestamp', undefined)],
    ['another delivery id', 401, withHeader('X-MLflow-Delivery-Id', 'another')],
    ['another time', 401, withHeader('X-MLflow-Timestamp', String(signedAt(CREATED) / 1_000 + 1))],
    ['a time that is none', 401, withHeader('X-MLflow-Timestamp', 'now')],
    ['a signature of another version', 401, withHeader('X-MLflow-Signature', signature.replace('v1', 'v2'))],
    ['a signature cut short', 401, withHeader('X-MLflow-Signature', signature.slice(0, -4))],
    ['an empty signature', 401, withHeader('X-MLflow-Signature', 'v1,')],
    ['not JSON', 400, signAnew(CREATED, { body: 'name=iris', ...at })],
    ['JSON of something else', 400, signAnew(CREATED, { body: '[1]', ...at })],
    [
      'a version without a name',
      400,
      signAnew(CREATED, { body: CREATED.body.replace('"name"', '"n"'), ...at }),
    ],
    [
      'a name that cannot be',
      400,
      signAnew(CREATED, { body: CREATED.body.replace('iris', 'i'.repeat(300)), ...at }),
    ],
    ['__proto__', 400, signAnew(CREATED, { body: CREATED.body.replace('"role"', '"__proto__"'), ...at })],
    [
      'too large',
      413,
      signAnew(CREATED, { body: CREATED.body.replace('lda', ' '.repeat(3)).padEnd(262_145), ...at }),
    ],
  ])('%s: %i', async (_, statusCode, one) => {
    const { webhook, published, events } = open();
    for (const base64 of [false, true]) {
      expect(await webhook(asFunctionUrlEvent(one, { base64 }))).toMatchObject({ statusCode });
    }
    expect(published).toEqual([]);
    expect(events).toHaveLength(2);
    expect(events[0]).toMatchObject({
      event: 'refused',
      status: statusCode,
      reason: expect.stringMatching(/./),
    });
    expect(JSON.stringify(events)).not.toContain(MLFLOW_SECRET);
  });

  it('is one that is replayed after five minutes, or from the future', async () => {
    const { webhook, published, clock } = open();
    for (const [aside, statusCode] of [
      [301_000, 401],
      [-301_000, 401],
      [300_000, 202],
    ] as const) {
      clock.now = signedAt(CREATED) + aside;
      expect(await webhook(asFunctionUrlEvent(CREATED))).toMatchObject({ statusCode });
    }
    expect(published).toHaveLength(1);
  });

  it('is anything where no secret is set up', async () => {
    const webhook = createEvaluateWebhook({ publish: () => expect.unreachable() });
    expect(await webhook(asFunctionUrlEvent(CREATED))).toMatchObject({ statusCode: 401 });
  });
});

describe('secrets', () => {
  it('may be several while they are rotated', async () => {
    for (const secrets of [
      [MLFLOW_SECRET, 'old'],
      ['new', MLFLOW_SECRET],
    ]) {
      expect(await open(fixedSecrets(secrets)).webhook(asFunctionUrlEvent(CREATED))).toMatchObject({
        statusCode: 202,
      });
    }
  });

  it('are fetched again when none fits', async () => {
    const renewed = vi.fn<Secrets['renewed']>();
    const { webhook } = open({ current: async () => ['old'], renewed });
    renewed.mockResolvedValueOnce([MLFLOW_SECRET, 'old']);
    expect(await webhook(asFunctionUrlEvent(CREATED))).toMatchObject({ statusCode: 202 });
    renewed.mockResolvedValueOnce(['other']);
    const forged = signAnew(CREATED, { secret: 'forged', ...at });
    expect(await webhook(asFunctionUrlEvent(forged))).toMatchObject({ statusCode: 401 });
    // What is not even a signature asks nobody.
    await webhook(asFunctionUrlEvent(withHeader('X-MLflow-Signature', 'v1,x')));
    expect(renewed).toHaveBeenCalledTimes(2);
  });

  it('that cannot be had are for MLflow to wait for', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const current = () => Promise.reject(new SecretUnavailable('away: arn'));
    const answer = await open({ current, renewed: current }).webhook(asFunctionUrlEvent(CREATED));
    expect(answer).toMatchObject({ statusCode: 503, body: '{"error":"try again later"}' });
    expect(log).toHaveBeenCalledWith(expect.stringContaining('away: arn'));
  });
});

it('a carrier that is away is answered so that MLflow tries again, which then is taken', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  const { webhook, published, carrier } = open();
  carrier.fails = new TransportError('Unavailable', 'no route');
  expect(await webhook(asFunctionUrlEvent(CREATED))).toMatchObject({ statusCode: 503 });
  delete carrier.fails;
  expect(await webhook(asFunctionUrlEvent(CREATED))).toMatchObject({ statusCode: 202 });
  expect(published).toHaveLength(1);
});

it('what takes too long is answered before the function ends, and goes on', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.useFakeTimers();
  onTestFinished(() => {
    log.mockRestore();
    vi.useRealTimers();
  });
  const goOn = Promise.withResolvers<{ id: string }>();
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const publish = vi.fn(() => goOn.promise);
  const webhook = createEvaluateWebhook({
    secrets: fixedSecrets([MLFLOW_SECRET]),
    now: () => signedAt(CREATED),
    publish,
  });
  const first = webhook(asFunctionUrlEvent(CREATED));
  await vi.advanceTimersByTimeAsync(12_000);
  expect(await first).toMatchObject({ statusCode: 503 });
  expect(events).toMatchObject([{ event: 'refused', status: 503, delivery: true }]);
  const again = webhook(asFunctionUrlEvent(CREATED));
  goOn.resolve({ id: 'x' });
  expect(await again).toMatchObject({ statusCode: 202, body: '{"id":"x"}' });
  expect(publish).toHaveBeenCalledTimes(1);
});

describe('events of EventBridge', () => {
  it('ask for a model package that was approved', async () => {
    const { webhook, published, events } = open(undefined);
    const outcome = await webhook(modelPackageEvent());
    expect(published).toEqual([
      {
        source: 'sagemaker',
        event: 'model_package.approved',
        delivery_id: 'e-1',
        model_name: 'churn',
        model_version: '3',
        model_package_arn: 'arn:aws:sagemaker:us-east-2:123456789012:model-package/churn/3',
        model_package_status: 'Completed',
        properties: expect.objectContaining({ roc_auc: '0.94' }),
      },
    ]);
    expect(outcome).toEqual({ id: expect.any(String) });
    expect(events).toEqual([{ event: 'requested', ...outcome, model_name: 'churn', model_version: '3' }]);
    expect(await webhook(modelPackageEvent())).toEqual(outcome);
    expect(await webhook(modelPackageEvent({}, 'e-2'))).not.toEqual(outcome);
  });

  it.each([
    ['rejected', modelPackageEvent({ ModelApprovalStatus: 'Rejected' }), 'the model package is not approved'],
    [
      'not versioned',
      modelPackageEvent({ ModelApprovalStatus: undefined }),
      'the model package is not approved',
    ],
    [
      'another',
      { id: 'e', 'detail-type': 'SageMaker Training Job State Change', detail: {} },
      'this event does not ask for an evaluation',
    ],
  ])('that ask for nothing are ignored, and that is told: %s', async (_, event, ignored) => {
    const { webhook, published, events } = open();
    expect(await webhook(event)).toEqual({ ignored });
    expect(published).toEqual([]);
    expect(events).toMatchObject([{ event: 'ignored', reason: ignored }]);
  });

  it.each([
    [{}, InvalidEvaluation],
    [null, InvalidEvaluation],
    [modelPackageEvent({ ModelPackageArn: undefined }), InvalidEvaluation],
    [modelPackageEvent({ CustomerMetadataProperties: { roc_auc: 1 } }), InvalidEvaluation],
    [modelPackageEvent({ ModelPackageGroupName: '' }), InvalidMessage],
  ])('that cannot be read fail: %j', async (event, error) => {
    const { webhook, published } = open();
    await expect(webhook(event)).rejects.toThrow(error);
    expect(published).toEqual([]);
  });
});
