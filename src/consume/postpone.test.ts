import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startHttpServer } from '../../test/support/http-server.ts';
import { Ping } from '../../test/support/ping.ts';
import { startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { type Emulator, startEmulator } from '../dev/emulator.ts';
import { startEventSourceMapping } from '../dev/event-source-mapping.ts';
import { encode, wrap } from '../message/envelope.ts';
import { modelReadyToDeploy } from '../model-ready/contract.ts';
import { createMemoryClaims } from '../model-ready/deploy/claims/memory.ts';
import { createDeployHandler } from '../model-ready/deploy/deploy.ts';
import { createDoor } from '../model-ready/deploy/door.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { listDeadLetters } from '../operate/dead-letters.ts';
import { createPublisher } from '../publish/publisher.ts';
import { queueNames } from '../transport/names.ts';
import type { Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { type Handler, Postpone } from './handler.ts';
import { createSqsEventHandler } from './sqs-event.ts';
import { startWorker } from './worker.ts';

const POSTPONEMENTS = 100;
/** Fewer than 100 deliveries are allowed: 3 × 3 + 10. */
const retry = { maxAttempts: 3, baseMs: 0, maxMs: 0 };

let count = 0;
const configOf = () =>
  defineConfig({
    prefix: `p${count}`,
    topics: [
      topic(Ping, {
        test: { loadHandler: async () => ({ default: () => undefined }), lambda: { entry: 'unused' }, retry },
      }),
    ],
  });

let spy: Spy;
beforeEach(() => {
  count++;
  spy = createSpy();
  onTestFinished(() => spy.close());
});

async function opened(url: string): Promise<Transport> {
  const transport = await openTransport(url, configOf());
  onTestFinished(() => transport.close());
  await transport.provision();
  return transport;
}

/** Postpones so often, and then fails at every attempt. */
function postponing(times: number) {
  const seen = { postponed: 0, attempts: [] as number[] };
  const handler: Handler<{ n: number }> = (_, { attempt }) => {
    if (seen.postponed < times) {
      seen.postponed++;
      throw new Postpone(0, 'the platform is busy');
    }
    seen.attempts.push(attempt);
    throw new Error('no');
  };
  return { seen, handler };
}

const MESSAGE = { id: 'id-1', body: encode(wrap(Ping, { n: 1 }, { id: 'id-1' })), headers: { about: 'it' } };

function work(transport: Transport, handler: Handler<{ n: number }>): void {
  const { address } = findSubscription(configOf(), 'ping/test');
  const worker = startWorker({ transport, address, contract: Ping, handler, retry });
  onTestFinished(() => worker.close());
}

/** One dead letter, after as many failures as there may be, and with all that it had. */
async function expectGivenUp(
  transport: Transport,
  seen: ReturnType<typeof postponing>['seen'],
): Promise<void> {
  const { address } = findSubscription(configOf(), 'ping/test');
  const WAIT = { timeout: 50_000, interval: 50 };
  await vi.waitFor(async () => expect(await transport.depth(address)).toMatchObject({ dead: 1 }), WAIT);
  expect(seen).toEqual({ postponed: POSTPONEMENTS, attempts: [1, 2, 3] });
  expect(spy.all('postponed')).toHaveLength(POSTPONEMENTS);
  const [letter] = await listDeadLetters(transport, address);
  const { id, body, headers } = MESSAGE;
  expect(letter).toMatchObject({
    id,
    body,
    headers,
    reason: { code: 'exhausted', message: 'no', attempts: 3 },
  });
  expect(letter?.reason.history.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
}

describe('100 postponements, and then as many failures as a message may have', { timeout: 60_000 }, () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator();
  });
  afterAll(() => emulator.stop());

  it('in memory', async () => {
    const transport = await opened('memory:');
    const { seen, handler } = postponing(POSTPONEMENTS);
    work(transport, handler);
    await transport.send('ping', [MESSAGE]);
    await expectGivenUp(transport, seen);
  });

  it.skipIf(WITHOUT_REDIS).each(['redis', 'redis+list'])('on %s', async (scheme) => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const transport = await opened(server.url.replace(/^redis/, scheme));
    const { seen, handler } = postponing(POSTPONEMENTS);
    work(transport, handler);
    await transport.send('ping', [MESSAGE]);
    await expectGivenUp(transport, seen);
  });

  it('on SQS, by a worker', async () => {
    const transport = await opened(emulator.url);
    const { seen, handler } = postponing(POSTPONEMENTS);
    work(transport, handler);
    await transport.send('ping', [MESSAGE]);
    await expectGivenUp(transport, seen);
  });

  it('on SQS, by a function', async () => {
    const transport = await opened(emulator.url);
    const { seen, handler } = postponing(POSTPONEMENTS);
    const found = findSubscription(configOf(), 'ping/test');
    const mapping = startEventSourceMapping({
      endpoint: emulator.endpoint,
      region: 'us-east-1',
      queueName: queueNames(configOf().prefix, found.address, false).queue,
      invoke: createSqsEventHandler({ found, handler, openTransport: async () => transport }),
      batchSize: 10,
      maxConcurrency: 2,
      functionTimeoutMs: 5_000,
      onError: (error) => expect.unreachable(String(error)),
    });
    onTestFinished(() => mapping.close());
    await transport.send('ping', [MESSAGE]);
    await expectGivenUp(transport, seen);
  });
});

describe('a platform that is busy', () => {
  it.each([503, 429])(
    'and answers %i with Retry-After gets its model when it is not',
    async (status) => {
      const BUSY = 3;
      const at: number[] = [];
      const platform = await startHttpServer((_, response) => {
        at.push(performance.now());
        if (at.length <= BUSY) response.setHeader('retry-after', '1');
        response.statusCode = at.length <= BUSY ? status : 200;
        response.end();
      });
      const address = { topic: modelReadyToDeploy.name, subscription: 'deploy' };
      const subscription = { name: 'deploy', leaseMs: 30_000, maxDeliveries: 25 };
      const topics = [{ name: address.topic, subscriptions: [subscription] }];
      const transport = await openTransport('memory:', { prefix: 'd', topics });
      onTestFinished(() => transport.close());
      const deployed: string[] = [];
      const door = createDoor({ store: createMemoryClaims(), leaseMs: 60_000 });
      const secret = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
      const worker = startWorker({
        transport,
        address,
        contract: modelReadyToDeploy,
        handler: createDeployHandler({
          url: platform.url,
          secret,
          openDoor: async () => door,
          record: ({ id }) => void deployed.push(id),
        }),
        // Fewer than it is asked.
        retry: { maxAttempts: 1, baseMs: 1 },
      });
      onTestFinished(() => worker.close());
      const publisher = createPublisher({ transport });
      await publisher.publish(modelReadyToDeploy, MODEL, { id: 'churn-3' });
      await publisher.close();
      await vi.waitFor(() => expect(deployed).toEqual(['churn-3']), 15_000);
      expect(at).toHaveLength(BUSY + 1);
      expect((at[BUSY] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(BUSY * 1_000 - 20);
      expect(spy.all('postponed')).toHaveLength(BUSY);
      expect(spy.all('retried')).toEqual([]);
      expect(spy.all('dead_lettered')).toEqual([]);
    },
    20_000,
  );
});

const MODEL = {
  model_id: 'm',
  model_name: 'churn',
  model_version: '3',
  token_symbol: 'churn-x',
  metric_name: 'auc',
  metric_direction: 'higher',
  baseline_value: 0.9,
  current_value: 0.95,
  improvement_percentage: 5.5,
} as const;
