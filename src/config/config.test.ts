import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startCli } from '../../test/support/cli.ts';
import { Ping } from '../../test/support/ping.ts';
import { InvalidName } from '../message/names.ts';
import { defineConfig, InvalidConfig, subscriptionsOf, topic } from './define-config.ts';
import { findSubscription } from './find.ts';
import { loadConfig } from './load.ts';

const loadHandler = async () => ({ default: () => undefined });
const lambda = { entry: 'lambdas/x.ts' };

describe('a config', () => {
  it('fills in what is left out', () => {
    const config = defineConfig({ topics: [topic(Ping, { test: { loadHandler, lambda } })] });
    expect(config).toMatchObject({
      prefix: 'hikyaku',
      topics: [
        {
          name: 'ping',
          subscriptions: [
            {
              name: 'test',
              retry: { maxAttempts: 5, baseMs: 1_000, maxMs: 900_000 },
              handlerTimeoutMs: 30_000,
              leaseMs: 192_000,
              maxDeliveries: 25,
              lambda: { timeoutMs: 32_000, batchSize: 10, windowMs: 0, maxConcurrency: 10, partitions: 1 },
            },
          ],
        },
      ],
    });
    expect(subscriptionsOf(config).map(({ address }) => address)).toEqual([
      { topic: 'ping', subscription: 'test' },
    ]);
  });

  it.each([
    [
      { retry: { maxAttempts: 0 } },
      'topics.ping.subscriptions.test.retry.maxAttempts is 0: expected a whole number from 1',
    ],
    [{ handlerTimeoutMs: 898_001 }, 'topics.ping.subscriptions.test.handlerTimeoutMs'],
    [{ lambda: { ...lambda, batchSize: 0 } }, 'topics.ping.subscriptions.test.lambda.batchSize'],
  ])('names the path to what cannot be: %j', (wrong, message) => {
    const act = () => defineConfig({ topics: [topic(Ping, { test: { loadHandler, lambda, ...wrong } })] });
    expect(act).toThrow(InvalidConfig);
    expect(act).toThrow(message);
  });

  it('refuses a topic that stands twice, and bad names', () => {
    const ping = topic(Ping, { test: { loadHandler, lambda } });
    expect(() => defineConfig({ topics: [ping, ping] })).toThrow(/ping stands twice/);
    expect(() => defineConfig({ prefix: 'No', topics: [ping] })).toThrow(InvalidName);
    expect(() => defineConfig({ topics: [topic(Ping, { 'a.b': { loadHandler, lambda } })] })).toThrow(
      InvalidName,
    );
  });
});

describe('finding a subscription', () => {
  const config = defineConfig({
    topics: [
      topic(Ping, { one: { loadHandler, lambda }, two: { loadHandler, lambda } }),
      topic({ ...Ping, name: 'pong' }, { only: { loadHandler, lambda } }),
    ],
  });

  it('goes by both names, or by the topic where there is only one', () => {
    expect(findSubscription(config, 'ping/two').subscription.name).toBe('two');
    expect(findSubscription(config, 'pong').subscription.name).toBe('only');
  });

  it('names the nearest, or those there are', () => {
    expect(() => findSubscription(config, 'ping/tow')).toThrow(/did you mean ping\/two\?/);
    expect(() => findSubscription(config, 'ping')).toThrow(
      /several subscriptions: name one of ping\/one, ping\/two/,
    );
    expect(() => findSubscription(defineConfig({ topics: [] }), 'zzz')).toThrow(/there are none$/);
    expect(() => findSubscription(config, 'zzz')).toThrow(/there are ping\/one, ping\/two, pong\/only/);
  });
});

describe('an ordered topic', () => {
  const ordered = (subscription: object) =>
    defineConfig({
      topics: [topic(Ping, { test: { loadHandler, lambda, ...subscription } }, { ordered: true })],
    });

  it('is not what a topic is unless it says so', () => {
    expect(ordered({}).topics).toMatchObject([{ ordered: true }]);
    const plain = defineConfig({ topics: [topic(Ping, { test: { loadHandler, lambda } })] });
    expect(plain.topics).toMatchObject([{ ordered: false }]);
  });

  it('takes no batch for which an event source would have to gather', () => {
    expect(() => ordered({ lambda: { ...lambda, batchSize: 11 } })).toThrow(
      /^topics\.ping\.subscriptions\.test\.lambda\.batchSize is 11: expected a whole number from 1 to 10, for a FIFO queue hands over no more at once/,
    );
  });

  it('leaves room for deliveries that send a message back untried', () => {
    expect(ordered({}).topics[0]?.subscriptions[0]?.maxDeliveries).toBe(5 * 13 + 10);
    expect(ordered({ retry: { maxAttempts: 76 } }).topics[0]?.subscriptions[0]?.maxDeliveries).toBe(998);
    expect(() => ordered({ retry: { maxAttempts: 77 } })).toThrow(/maxAttempts is 77: .* from 1 to 76$/);
  });
});

describe('loading a config', () => {
  it('reads the project’s own', async () => {
    expect((await loadConfig(process.cwd())).topics.map(({ name }) => name)).toEqual([
      'model_ready_to_deploy',
      'model_to_evaluate',
    ]);
  });

  it.each([
    ['export default {', /hikyaku\.config\.ts:1 cannot be loaded: Unexpected token/],
    ['import "./nope.ts";', /hikyaku\.config\.ts cannot be loaded: Cannot find module .*nope\.ts/],
    ['\nconst x: unknown = undefined;\nx.y;', /hikyaku\.config\.ts:3 cannot be loaded: Cannot read prop/],
  ])('says where %j went wrong', async (text, message) => {
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-config-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'hikyaku.config.ts'), text);
    // In a process of its own: the test runner has an import of its own.
    const command = startCli(['status'], { TRANSPORT_URL: 'memory:' }, folder);
    expect(await command.exit).toBe(2);
    expect(command.stderr()).toMatch(message);
    expect(command.stderr()).not.toMatch(/\n +at /);
  });

  it('says where it looked', async () => {
    await expect(loadConfig('/nonexistent')).rejects.toThrow(/no hikyaku\.config\.ts in \/nonexistent/);
  });
});
