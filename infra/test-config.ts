import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod/mini';
import { type Config, defineConfig, topic } from '../src/config/define-config.ts';
import { defineMessage } from '../src/message/contract.ts';
import { lambdaFunctions } from './bundles/functions.ts';

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
        lambda: { entry: 'deploy.ts', batchSize: 5, maxConcurrency: 3 },
      },
      audit: { loadHandler, lambda: { entry: 'audit.ts', batchSize: 100 } },
    }),
    topic(defineMessage({ name: 'order_placed', version: 1, schema }), {
      mail: { loadHandler, lambda: { entry: 'mail.ts' } },
    }),
  ],
});

/** A folder with an empty bundle for each function: stacks are tested without bundling. */
export function emptyBundles(config: Config): { folder: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-bundles-'));
  for (const { name } of lambdaFunctions(config)) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'index.mjs'), 'export const handler = () => {};\n');
  }
  return { folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true }) };
}
