import { describe, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../../hikyaku.config.ts';
import { type Answer, startHttpServer } from '../../../test/support/http-server.ts';
import {
  asFunctionUrlEvent,
  MLFLOW_SECRET,
  recordedDeliveries,
  signedAt,
} from '../../../test/support/mlflow-deliveries.ts';
import { answerAsMlflow } from '../../../test/support/mlflow-server.ts';
import { expectedModels } from '../../../test/support/model-examples.ts';
import { modelPackageEvent } from '../../../test/support/sagemaker-event.ts';
import { findSubscription } from '../../config/find.ts';
import { type HandlerContext, Reject } from '../../consume/handler.ts';
import { startWorker } from '../../consume/worker.ts';
import { wrap } from '../../message/envelope.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { fixedSecrets } from '../../secrets/secrets.ts';
import { TransportError } from '../../transport/errors.ts';
import { createMemoryTransport } from '../../transport/memory/memory.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { createRestRegistry } from '../registry/mlflow-rest.ts';
import { RegistryError } from '../registry/registry.ts';
import { type ModelToEvaluate, modelToEvaluate } from '../to-evaluate.ts';
import { createEvaluateWebhook } from '../webhook/evaluate-webhook.ts';
import { readEventBridgeEvent } from '../webhook/registry-events.ts';
import { AnnounceFailed } from './announce.ts';
import { createEvaluateHandler, NotYet } from './evaluate-handler.ts';
import { evaluateHandlerFrom } from './evaluate-handler-from.ts';

const context: HandlerContext = {
  attempt: 1,
  signal: new AbortController().signal,
  extendLease: async () => true,
};

function version(model_name: string, model_version: string): ModelToEvaluate {
  return { source: 'mlflow', event: 'model_version.created', delivery_id: 'd', model_name, model_version };
}

function approved(changes?: Readonly<Record<string, unknown>>): ModelToEvaluate {
  const read = readEventBridgeEvent(modelPackageEvent(changes));
  if (!read.asks) throw new Error(read.reason);
  return read.data;
}

/** A handler that asks a server which answers so. */
async function open(answer: Answer = answerAsMlflow) {
  const server = await startHttpServer(answer);
  const announced: { id: string; data: ModelReadyToDeploy; correlationId: string }[] = [];
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const handler = createEvaluateHandler({
    openRegistry: (workspace) => createRestRegistry({ url: server.url, workspace }),
    publish: async (data, correlationId) => {
      const { id } = wrap(modelReadyToDeploy, data, {});
      announced.push({ id, data, correlationId });
      return { id };
    },
  });
  const judge = async (data: ModelToEvaluate) => {
    const message = wrap(modelToEvaluate, data, {});
    await handler(message, context);
    return message;
  };
  return { server, judge, announced, events };
}

describe('judging versions in MLflow', () => {
  it('announces exactly those that beat their baseline, and says why the others do not', async () => {
    const { judge, announced, events } = await open();
    for (const { registered_model, version: number } of expectedModels()) {
      await judge(version(registered_model, number));
    }
    const names = (models: { readonly model_name: string | null; readonly model_version: string | null }[]) =>
      models.map(({ model_name, model_version }) => `${model_name} ${model_version}`);
    const expected = (pass: boolean) =>
      expectedModels()
        .filter(({ should_pass }) => Boolean(should_pass) === pass)
        .map(({ registered_model, version: number }) => `${registered_model} ${number}`);
    expect(names(announced.map(({ data }) => data))).toEqual(expected(true));
    const rejected = events.filter(({ event }) => event === 'rejected');
    expect(names(rejected)).toEqual(expected(false));
    expect(rejected.every((event) => 'reason' in event && event.reason !== '')).toBe(true);
  });

  it('announces the same id again when it comes again, correlated with what asked', async () => {
    const { judge, announced } = await open();
    const first = await judge(version('iris-species', '2'));
    await judge({ ...version('iris-species', '2'), delivery_id: 'another' });
    expect(announced.map(({ id }) => id)).toEqual([announced[0]?.id, announced[0]?.id]);
    expect(announced[0]?.correlationId).toBe(first.id);
  });

  it("judges the model of the request's workspace, and no other", async () => {
    const { judge, server, announced, events } = await open();
    const run = 'f38e322fe6d84c4f84e08e188a442b36';
    await judge({ ...version('iris-species', '2'), workspace: 'team-a', mlflow_run_id: run });
    expect(new Set(server.requests.map(({ headers }) => headers['x-mlflow-workspace']))).toEqual(
      new Set(['team-a']),
    );
    expect(announced).toHaveLength(1);
    const other = { ...version('iris-species', '2'), workspace: 'team-b', mlflow_run_id: 'another' };
    await judge(other);
    expect(events.at(-1)).toMatchObject({
      code: 'not_registered',
      reason: expect.stringContaining('in the workspace team-b is not of the run that was registered'),
    });
    expect(announced).toHaveLength(1);
  });

  it('gives a version that MLflow does not have a verdict', async () => {
    const { judge, events } = await open();
    await judge(version('bc-diagnosis', '99'));
    expect(events.at(-1)).toMatchObject({ event: 'rejected', code: 'not_registered', model_version: '99' });
  });

  it('rejects the message if the answer of MLflow cannot be read', async () => {
    const { judge } = await open((_, response) => void response.writeHead(418).end());
    await expect(judge(version('iris-species', '2'))).rejects.toBeInstanceOf(Reject);
  });

  it('tries again if MLflow refuses access: a token may be renewed', async () => {
    const { judge } = await open((_, response) => void response.writeHead(401).end());
    await expect(judge(version('iris-species', '2'))).rejects.toMatchObject({ code: 'Denied' });
  });

  it('rejects a model with a tag that cannot be understood, and names the tag', async () => {
    const { judge, events } = await open(answeringWith('"0.2095967341124123"', '"a lot"'));
    await judge(version('iris-species', '2'));
    expect(events.at(-1)).toMatchObject({
      code: 'invalid_tag',
      reason: 'its tag baseline.value cannot be understood: expected a number such as 0.8, or 80%',
    });
  });

  it('tries again when MLflow is away', async () => {
    const busy = await open((_, response) => void response.writeHead(503).end());
    await expect(busy.judge(version('iris-species', '2'))).rejects.toBeInstanceOf(RegistryError);
    await busy.server.stop();
    await expect(busy.judge(version('iris-species', '2'))).rejects.toMatchObject({ code: 'Unavailable' });
  });

  it.each([
    ['"status": "FINISHED"', '"status": "RUNNING"', 'run f38e322fe6d84c4f84e08e188a442b36 is RUNNING'],
    ['"status": "FINISHED"', '"status": "SCHEDULED"', 'run f38e322fe6d84c4f84e08e188a442b36 is SCHEDULED'],
    ['"status": "READY"', '"status": "PENDING_REGISTRATION"', 'its registration is PENDING_REGISTRATION'],
  ])('tries again while %s is %s', async (from, to, message) => {
    const { judge, announced, events } = await open(answeringWith(from, to));
    await expect(judge(version('iris-species', '2'))).rejects.toThrow(new NotYet(message));
    expect([announced, events]).toEqual([[], []]);
  });

  it('tries again what could not be announced', async () => {
    const handler = createEvaluateHandler({
      openRegistry: () => expect.unreachable(),
      publish: () => Promise.reject(new TransportError('Unavailable', 'no route')),
    });
    const judging = Promise.resolve(handler(wrap(modelToEvaluate, approved(), {}), context));
    await expect(judging).rejects.toBeInstanceOf(AnnounceFailed);
  });
});

/** As MLflow, with a part of its answers replaced. */
function answeringWith(from: string, to: string): Answer {
  return (request, response) => {
    const end = response.end.bind(response);
    vi.spyOn(response, 'end').mockImplementation((body) => end(String(body).replaceAll(from, to)));
    answerAsMlflow(request, response);
  };
}

describe('judging model packages of SageMaker', () => {
  it('announces one that beats its baseline, by what its event says', async () => {
    const { judge, announced, server } = await open();
    await judge(approved());
    await judge(approved());
    expect(announced[0]?.data).toEqual({
      model_id: 'arn:aws:sagemaker:us-east-2:123456789012:model-package/churn/3',
      model_name: 'churn',
      model_version: '3',
      token_symbol: 'churn-x',
      metric_name: 'roc_auc',
      metric_direction: 'higher',
      baseline_value: 0.91,
      current_value: 0.94,
      improvement_percentage: expect.closeTo(3.2967, 3),
      tags: expect.objectContaining({ token_symbol: 'churn-x' }),
    });
    expect(announced[1]?.id).toBe(announced[0]?.id);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['no properties', { CustomerMetadataProperties: undefined }, 'missing_metric'],
    ['no value', { CustomerMetadataProperties: { 'benchmark.metric': 'roc_auc' } }, 'missing_metric'],
    ['no baseline', properties({ 'baseline.value': '' }), 'missing_baseline'],
    ['a worse value', properties({ roc_auc: '0.9' }), 'not_better'],
    ['NaN', properties({ roc_auc: 'nan' }), 'metric_not_finite'],
    ['a package in the making', { ModelPackageStatus: 'InProgress' }, 'not_registered'],
  ])('rejects one with %s, and says so', async (_, changes, code) => {
    const { judge, announced, events } = await open();
    await judge(approved(changes));
    expect(announced).toEqual([]);
    expect(events.at(-1)).toMatchObject({ event: 'rejected', model_name: 'churn', code });
  });

  it('rejects a property that cannot be understood, and names it', async () => {
    const { judge, events } = await open();
    await judge(approved(properties({ roc_auc: 'good' })));
    expect(events.at(-1)).toMatchObject({
      code: 'invalid_tag',
      reason: 'its tag roc_auc cannot be understood: expected a number such as 0.8, or 80%',
    });
  });
});

function properties(changes: Readonly<Record<string, string>>) {
  const { CustomerMetadataProperties: usual } = modelPackageEvent().detail;
  return { CustomerMetadataProperties: { ...Object(usual), ...changes } };
}

describe('the whole way', () => {
  it('from deliveries of MLflow to announcements', async () => {
    const server = await startHttpServer(answerAsMlflow);
    const transport = createMemoryTransport(config);
    const publisher = createPublisher({ transport });
    const clock = { now: 0 };
    const webhook = createEvaluateWebhook({
      secrets: fixedSecrets([MLFLOW_SECRET]),
      now: () => clock.now,
      publish: (data) => publisher.publish(modelToEvaluate, data),
    });
    const { address, topic, subscription } = findSubscription(config, 'model_to_evaluate');
    const worker = startWorker({
      transport,
      address,
      contract: topic.contract,
      handler: createEvaluateHandler({
        openRegistry: (workspace) => createRestRegistry({ url: server.url, workspace }),
        publish: (data, correlationId) => publisher.publish(modelReadyToDeploy, data, { correlationId }),
      }),
      retry: subscription.retry,
      handlerTimeoutMs: 10_000,
      leaseMs: 60_000,
    });
    onTestFinished(async () => {
      await worker.close({ deadlineMs: 0 });
      await transport.close();
    });
    for (const one of recordedDeliveries()) {
      clock.now = signedAt(one);
      await webhook(asFunctionUrlEvent(one));
    }
    await vi.waitFor(async () => {
      const { ready, inFlight, delayed } = await transport.depth(address);
      expect(ready + inFlight + delayed).toBe(0);
    });
    expect((await transport.depth(address)).dead).toBe(0);
    const announced = await transport.receive(
      { topic: 'model_ready_to_deploy', subscription: 'deploy' },
      { max: 10, waitMs: 0, leaseMs: 60_000 },
    );
    const names = announced.map(({ body }) => {
      const { data } = JSON.parse(body);
      return `${data.model_name} ${data.model_version}`;
    });
    const passing = expectedModels().filter(({ should_pass }) => should_pass);
    expect([...new Set(names)].toSorted()).toEqual(
      passing.map(({ registered_model, version: number }) => `${registered_model} ${number}`).toSorted(),
    );
    // A version that is announced as a challenger too is announced under the same id.
    expect(new Set(announced.map(({ id }) => id)).size).toBe(passing.length);
  });

  it('is set up by the environment', async () => {
    const server = await startHttpServer(answerAsMlflow);
    const environment = { TRANSPORT_URL: 'memory:', MLFLOW_TRACKING_URI: server.url, MIN_IMPROVEMENT: '70%' };
    const events: ModelEvent[] = [];
    onTestFinished(observeModels((event) => events.push(event)));
    const judge = async (changes: NodeJS.ProcessEnv) =>
      evaluateHandlerFrom({ ...environment, ...changes }, config)(
        wrap(modelToEvaluate, version('iris-species', '2'), {}),
        context,
      );
    await judge({});
    expect(events.at(-1)).toMatchObject({ event: 'rejected', code: 'below_minimum' });
    await judge({ MIN_IMPROVEMENT: '' });
    expect(events.at(-1)).toMatchObject({ event: 'announced', model_name: 'iris-species' });
    await expect(judge({ MLFLOW_TRACKING_URI: '' })).rejects.toThrow('MLFLOW_TRACKING_URI is not set');
    expect(() => evaluateHandlerFrom({ MIN_IMPROVEMENT: 'much' }, config)).toThrow('no minimum improvement');
  });
});
