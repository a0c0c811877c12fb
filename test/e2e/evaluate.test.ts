import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { untilSettled } from '../../src/dev/settled.ts';
import { startSystem } from '../../src/dev/system.ts';
import { type ModelEvent, observeModels } from '../../src/model-ready/events.ts';
import { listDeadLetters } from '../../src/operate/dead-letters.ts';
import { startHttpServer } from '../support/http-server.ts';
import {
  asFunctionUrlEvent,
  MLFLOW_SECRET,
  recordedDeliveries,
  signAnew,
} from '../support/mlflow-deliveries.ts';
import { answerAsMlflow } from '../support/mlflow-server.ts';
import { expectedModels } from '../support/model-examples.ts';
import { modelPackageEvent } from '../support/sagemaker-event.ts';

afterEach(() => vi.unstubAllEnvs());

it('what registries say becomes deployments: webhook, evaluation, announcement, deployment', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-evaluate-'));
  const file = join(folder, 'platform.ndjson');
  const mlflow = await startHttpServer(answerAsMlflow);
  // What the system sets for its functions is undone, too.
  for (const name of ['TRANSPORT_URL', 'DEPLOY_URL', 'DEPLOY_SECRET', 'DEPLOYED_URL']) vi.stubEnv(name, '');
  vi.stubEnv('HIKYAKU_DIR', folder);
  vi.stubEnv('MLFLOW_TRACKING_URI', mlflow.url);
  vi.stubEnv('MLFLOW_WEBHOOK_SECRET', `new ${MLFLOW_SECRET}`);
  const errors: unknown[] = [];
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const system = await startSystem({
    config,
    folder: process.cwd(),
    queuesFolder: join(folder, 'queues'),
    deployedFolder: join(folder, 'deployed'),
    platform: {
      file,
      busy: { model_name: '', model_version: '', until: '' },
      refuses: { model_name: '' },
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(async () => {
    await system.close();
    rmSync(folder, { recursive: true });
  });
  const { handler } = await import('../../lambdas/evaluate-webhook.ts');

  for (const delivery of recordedDeliveries()) {
    await handler(asFunctionUrlEvent(signAnew(delivery), { base64: true }));
    await handler(asFunctionUrlEvent(signAnew(delivery, { secret: 'forged', id: 'forged' })));
  }
  await handler(modelPackageEvent());
  await handler(modelPackageEvent({ CustomerMetadataProperties: undefined }, 'without metrics'));

  const expected = expectedModels()
    .filter(({ should_pass }) => should_pass)
    .map(({ registered_model, version }) => `${registered_model} ${version}`);
  // Of two versions that pass, the worse one is superseded if it comes second.
  const decided = (): string[] =>
    events.flatMap(({ event, model_name, model_version }) =>
      event === 'deployed' || event === 'superseded' ? [`${model_name} ${model_version}`] : [],
    );
  await vi.waitFor(() => expect(decided().toSorted()).toEqual(['churn 3', ...expected].toSorted()), {
    timeout: 20_000,
  });
  await untilSettled(system.transport, config, AbortSignal.timeout(20_000));
  // Versions that MLflow had, and the examples have not, have verdicts too.
  expect(
    await listDeadLetters(system.transport, { topic: 'model_to_evaluate', subscription: 'judge' }),
  ).toEqual([]);
  const gone = events.flatMap((event) =>
    event.event === 'rejected' && event.code === 'not_registered' ? [event] : [],
  );
  expect(gone.map(({ model_name, model_version }) => `${model_name} ${model_version}`).toSorted()).toEqual([
    'bc-diagnosis 5',
    'bc-diagnosis 6',
    'iris-species 4',
  ]);
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  const deployed = lines
    .map((line) => JSON.parse(line))
    .map((one) => `${one.model_name} ${one.model_version}`);
  expect(new Set(decided())).toEqual(new Set([...deployed, ...decided()]));
  expect(deployed.findLast((name) => name.startsWith('diabetes'))).toBe('diabetes-progression 3');
  expect(errors).toEqual([]);
}, 60_000);
