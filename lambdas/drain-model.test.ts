import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import config from '../hikyaku.config.ts';
import { budgetOf, overBudget } from '../infra/bundles/budgets.ts';
import { bundleLambdas, type LambdaBundle } from '../infra/bundles/bundle.ts';
import { drainOf } from '../infra/bundles/functions.ts';
import { findSubscription } from '../src/config/find.ts';
import { modelReadyToDeploy } from '../src/model-ready/contract.ts';
import { createPublisher } from '../src/publish/publisher.ts';
import type { Transport } from '../src/transport/transport.ts';
import { openTransport } from '../src/transport/url.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../test/support/redis.ts';

const ADDRESS = { topic: 'model_ready_to_deploy', subscription: 'deploy' } as const;

const DRAIN = drainOf(findSubscription(config, 'model_ready_to_deploy/deploy'));

let folder: string;
let bundle: LambdaBundle;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-drain-'));
  const [only] = await bundleLambdas([DRAIN], folder);
  if (only === undefined) throw new Error('nothing was bundled');
  bundle = only;
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the bundle of the drain', () => {
  it('is within its budget', () => {
    expect(overBudget(bundle, budgetOf(DRAIN.name))).toEqual([]);
    expect(budgetOf(DRAIN.name)).toEqual({ totalBytes: 320 * 1024 });
  });

  it('carries the Redis driver and no other, also where all may be carried', async () => {
    const drivers = ['memory', 'sqs', 'redis-streams'];
    const [all] = await bundleLambdas([{ ...DRAIN, name: 'with-all', drivers }], folder);
    expect(all?.total.modules).toContain('ioredis');
    expect(all?.total.modules).not.toContain('@aws-sdk/client-sqs');
    expect(all?.start.modules.filter((name) => /^@(aws-sdk|smithy)\//.test(name))).toEqual([]);
    expect(all?.total.bytes).toBe(bundle.total.bytes);
  });
});

describe.skipIf(WITHOUT_REDIS)('the bundled drain on Redis', () => {
  let server: RedisServer;
  let transport: Transport;
  beforeAll(async () => {
    server = await startRedis();
    transport = await openTransport(server.url, config);
    await transport.provision();
  });
  afterAll(async () => {
    await transport.close();
    await server.stop();
  });

  async function announce(count: number): Promise<string[]> {
    const model = {
      model_id: 'm',
      token_symbol: 'iris-x',
      metric_name: 'log_loss',
      metric_direction: 'lower',
      baseline_value: 0.2,
      current_value: 0.1,
      improvement_percentage: 50,
    } as const;
    const items = Array.from({ length: count }, (_, n) => ({
      // Of one model, only those that are better than the last would be deployed.
      data: { ...model, model_name: `model-${n}`, model_version: '1' },
    }));
    await createPublisher({ transport }).publishMany(modelReadyToDeploy, items);
    return items.map(({ data }) => data.model_name);
  }

  it('shares the messages with others: each is deployed once', async () => {
    const announced = await announce(1_500);
    const environments = await Promise.all([1, 2, 3].map(() => startEnvironment(bundle, server.url)));
    const results = await Promise.all(environments.map(({ invoke }) => invoke({ partition: 0 })));
    const deployed = environments.flatMap(({ deployed }) => deployed);
    expect(deployed.toSorted()).toEqual(announced.toSorted());
    const handled = results.map((result) => result.handled);
    expect(handled.reduce((sum, count) => sum + count)).toBe(1_500);
    expect(Math.min(...handled)).toBeGreaterThan(0);
    expect(await transport.depth(ADDRESS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('goes on after it was frozen, also when its connections have died meanwhile', async () => {
    const { invoke, child } = await startEnvironment(bundle, server.url);
    await announce(5);
    expect(await invoke({})).toMatchObject({ handled: 5 });
    child.kill('SIGSTOP');
    await announce(5);
    await server.admin.client('KILL', 'TYPE', 'NORMAL');
    const invoked = invoke({});
    child.kill('SIGCONT');
    expect(await invoked).toMatchObject({ handled: 5 });
  });
});

interface Counts {
  readonly handled: number;
}

/** The bundle in a process of its own, as Lambda runs it: loaded once, invoked one event after the other. */
async function startEnvironment({ module }: LambdaBundle, url: string) {
  const script = `import { createInterface } from 'node:readline';
    const { handler } = await import(${JSON.stringify(module)});
    console.log('{"ready":true}');
    for await (const event of createInterface({ input: process.stdin })) {
      const until = performance.now() + 20_000;
      const context = { getRemainingTimeInMillis: () => until - performance.now() };
      console.log(JSON.stringify(await handler(JSON.parse(event), context)));
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { TRANSPORT_URL: url, AWS_LAMBDA_FUNCTION_NAME: DRAIN.name },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const deployed: string[] = [];
  let rest = '';
  let answer = Promise.withResolvers<Counts>();
  child.on('exit', () => answer.reject(new Error('the environment ended')));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      const value = JSON.parse(line);
      if (value.event === 'deployed') deployed.push(value.model_name);
      else if (value.event === undefined) answer.resolve(value);
    }
  });
  await answer.promise;
  return {
    child,
    deployed,
    invoke(event: object): Promise<Counts> {
      answer = Promise.withResolvers<Counts>();
      child.stdin.write(`${JSON.stringify(event)}\n`);
      return answer.promise;
    },
  };
}
