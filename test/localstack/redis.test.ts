import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { plainEvaluation } from '../support/model-examples.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../support/redis.ts';
import { functions, invoke, Throttled } from './aws.ts';
import { testDestruction, testFlows, testOperation } from './flows.ts';
import { type Reachable, reachable } from './reach.ts';
import { deploySystem, PATIENCE, PREFIX, type System } from './system.ts';

describe.skipIf(WITHOUT_REDIS)('deployed on Redis, it', () => {
  let redis: RedisServer;
  let reached: Reachable;
  let system: System;
  beforeAll(async () => {
    const requirepass = randomUUID();
    redis = await startRedis({ requirepass });
    const url = `redis://:${requirepass}@127.0.0.1:${redis.port}`;
    reached = await reachable(url);
    system = await deploySystem({
      context: { transport: 'redis', redisUrl: reached.url },
      transportUrl: `${url}?prefix=${PREFIX}`,
      drain,
    });
  });
  afterAll(async () => {
    await system?.stop();
    await reached?.stop();
    await redis?.stop();
  });

  it('has its streams once the schedule has come round', async () => {
    await vi.waitFor(() => system.transport.verify(), PATIENCE);
  });

  testFlows(() => system);

  it('deploys on its schedule, with nobody else invoking the drain', async () => {
    const { receiver, outputs } = system;
    await invoke(outputs['EmitFunction'] ?? '', plainEvaluation({ model_name: 'on-schedule' }));
    await vi.waitFor(() => expect(receiver.deployed()).toEqual(['on-schedule 7']), PATIENCE);
    receiver.clear();
  });

  testOperation(() => system);
  testDestruction(() => system);
});

/** Invokes all drains; one that is at work already needs no more. */
async function drain(): Promise<void> {
  const drains = (await functions()).filter(({ Description }) => Description.startsWith('Drains '));
  expect(drains).not.toEqual([]);
  for (const { FunctionName } of drains) {
    await invoke(FunctionName, { partition: 0 }).catch((error: unknown) => {
      if (!(error instanceof Throttled)) throw error;
    });
  }
}
