import { randomBytes } from 'node:crypto';
import { expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { findSubscription } from '../../src/config/find.ts';
import { startWorker } from '../../src/consume/worker.ts';
import type { ModelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { type ModelEvent, observeModels } from '../../src/model-ready/events.ts';
import { createEvaluateHandler } from '../../src/model-ready/judge/evaluate-handler.ts';
import { writeBackFrom } from '../../src/model-ready/judge/write-back.ts';
import { createRestRegistry } from '../../src/model-ready/registry/mlflow-rest.ts';
import { fixedSecrets } from '../../src/secrets/secrets.ts';
import { serve } from '../../src/serve/open.ts';
import { createMemoryTransport } from '../../src/transport/memory/memory.ts';
import { startMlflowServer } from './server.ts';

it('a version that is registered on a real server is announced, and the verdict is written back', async () => {
  const mlflow = await startMlflowServer([], {
    MLFLOW_WEBHOOK_ALLOWED_SCHEMES: 'http',
    MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS: 'true',
    MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY: randomBytes(32)
      .toString('base64')
      .replaceAll('+', '-')
      .replaceAll('/', '_'),
  });
  onTestFinished(() => mlflow.stop());
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const transport = createMemoryTransport(config);
  const secret = 'of-this-test-0123456789';
  const server = await serve({
    config,
    transport,
    webhookSecret: fixedSecrets([secret]),
    port: 0,
    host: '127.0.0.1',
    environment: {},
  });
  const announced: ModelReadyToDeploy[] = [];
  const registry = createRestRegistry({ url: mlflow.url });
  const { address, topic, subscription } = findSubscription(config, 'model_to_evaluate');
  const worker = startWorker({
    transport,
    address,
    contract: topic.contract,
    handler: createEvaluateHandler({
      openRegistry: () => registry,
      onVerdict: () => writeBackFrom({ MLFLOW_WRITE_BACK: 'true' }, () => registry),
      publish: async (data) => {
        announced.push(data);
        return { id: 'of-the-announcement' };
      },
    }),
    retry: subscription.retry,
    handlerTimeoutMs: 60_000,
    leaseMs: 60_000,
  });
  onTestFinished(async () => {
    await worker.close({ deadlineMs: 0 });
    await server.close();
    await transport.close();
  });

  const [hooked] = await mlflow.python('hooked.py', mlflow.url, `${server.url}/webhooks/mlflow`, secret);
  // MLflow's own tests of the webhook are answered, and ask for nothing.
  expect(hooked?.['tested']).toEqual([200, 200]);
  const told = (name: ModelEvent['event']) => events.filter(({ event }) => event === name);
  // Registered, and made a challenger: two deliveries, one announcement by its id; another alias asks for nothing.
  await vi.waitFor(() => expect(told('announced')).toHaveLength(2), { timeout: 60_000, interval: 100 });
  await vi.waitFor(() => expect(told('ignored')).toHaveLength(3), { timeout: 60_000, interval: 100 });
  expect(announced[0]).toMatchObject({ model_id: hooked?.['model_id'], current_value: 0.95 });
  const tags = async () => (await registry.modelVersion('hooked', '1')).tags;
  await vi.waitFor(async () => expect((await tags()).get('hikyaku.verdict')).toBe('announced'), {
    timeout: 60_000,
    interval: 100,
  });
  expect((await tags()).get('hikyaku.announcement')).toBe('of-the-announcement');
  expect((await tags()).get('hikyaku.reason')).toContain('accuracy 0.95');
  expect((await transport.depth(address)).dead).toBe(0);
});
