import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import * as z from 'zod/mini';
import { type Config, defineConfig, topic } from '../src/config/define-config.ts';
import { defineMessage } from '../src/message/contract.ts';
import { lambdaFunctions, ROOT } from './bundles/functions.ts';
import { buildStacks } from './stacks.ts';
import { parseTransport, type TransportName } from './transport.ts';

const schema = z.object({ id: z.string() });
const loadHandler = async () => ({ default: () => {} });

/** For tests of the stacks: two topics, one of them with two subscriptions. */
export const testConfig: Config = defineConfig({
  prefix: 'test',
  topics: [
    topic(defineMessage({ name: 'model_ready_to_deploy', version: 1, schema }), {
      deploy: {
        loadHandler,
        handlerTimeoutMs: 20_000,
        retry: { maxAttempts: 4 },
        lambda: { entry: 'deploy.ts', drainEntry: 'drain-deploy.ts', batchSize: 5, maxConcurrency: 3 },
      },
      audit: { loadHandler, lambda: { entry: 'audit.ts', drainEntry: 'drain-audit.ts', batchSize: 100 } },
    }),
    topic(defineMessage({ name: 'order_placed', version: 1, schema }), {
      mail: { loadHandler, lambda: { entry: 'mail.ts', drainEntry: 'drain-mail.ts' } },
    }),
  ],
});

/** With all that a config can ask for: judged models, keys of our own, a way out, partitions, a window, a filter. */
export const wholeConfig: Config = defineConfig({
  prefix: 'test',
  deployment: {
    encryption: 'kms',
    redis: { egress: 'nat', replicas: 2 },
    alarms: { email: 'ops@example.com' },
  },
  topics: [
    topic(defineMessage({ name: 'model_ready_to_deploy', version: 1, schema }), {
      deploy: {
        loadHandler,
        lambda: {
          entry: 'deploy.ts',
          drainEntry: 'drain.ts',
          partitions: 2,
          filters: [{ body: { data: { id: ['a'] } } }],
        },
      },
    }),
    topic(defineMessage({ name: 'model_to_evaluate', version: 1, schema }), {
      judge: {
        loadHandler,
        lambda: { entry: 'judge.ts', drainEntry: 'drain.ts', batchSize: 50, windowMs: 5_000 },
      },
    }),
  ],
});

/** An app with the feature flags of `cdk.json`, and this context. */
export function testApp(context: Readonly<Record<string, string>> = {}): App {
  const cdk: unknown = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8'));
  const flags = typeof cdk === 'object' && cdk !== null && 'context' in cdk ? cdk.context : {};
  return new App({ context: { ...Object(flags), ...context } });
}

/** All stacks of an installation, without bundling. */
export function buildTestApp(definition: Config, context: Readonly<Record<string, string>> = {}): App {
  const app = testApp(context);
  const transport = parseTransport(context['transport']);
  using bundles = emptyBundles(definition, transport);
  buildStacks(app, { definition, transport, bundles: bundles.folder });
  return app;
}

export const stacksOf = (app: App): Stack[] => app.node.children.filter((child) => child instanceof Stack);

/** A folder with an empty bundle for each function: stacks are tested without bundling. */
export function emptyBundles(
  config: Config,
  transport: TransportName = 'sqs',
): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-bundles-'));
  for (const { name } of lambdaFunctions(config, transport)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'index.mjs'), 'export const handler = () => {};\n');
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
