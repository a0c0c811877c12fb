import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { judge } from '../../src/model-ready/judge/gate.ts';
import { readEvidence } from '../../src/model-ready/judge/inputs.ts';
import { createRestRegistry } from '../../src/model-ready/registry/mlflow-rest.ts';
import { type MlflowServer, startMlflowServer } from './server.ts';

/** HIKYAKU_MLFLOW_CASES logs and judges as many as you like; HIKYAKU_MLFLOW_SEED has the same ones again. */
const COUNT = process.env['HIKYAKU_MLFLOW_CASES'] ?? '60';
const SEED = process.env['HIKYAKU_MLFLOW_SEED'] ?? String(Date.now());

const Logged = z.object({ model: z.string(), version: z.string(), beats: z.boolean() });

let server: MlflowServer;
beforeAll(async () => {
  server = await startMlflowServer();
});
afterAll(() => server.stop());

it(`announces a model if, and only if, it truly beats its baselines (seed ${SEED})`, async () => {
  const logged = (await server.python('random_cases.py', server.url, SEED, COUNT)).map((line) =>
    Logged.parse(line),
  );
  expect(logged).toHaveLength(Number(COUNT));
  const registry = createRestRegistry({ url: server.url });
  const wrong: string[] = [];
  for (const { model, version, beats } of logged) {
    const [evidence] = await readEvidence(
      [{ name: model, content: `models:/${model}/${version}` }],
      {},
      () => registry,
    );
    if (evidence === undefined) throw new Error(`${model} was not judged`);
    const verdict = judge(evidence);
    if ((verdict.verdict === 'announce') !== beats) {
      wrong.push(
        `${model}: ${verdict.rules.at(-1)?.detail}, and truly it ${beats ? 'beats' : 'does not beat'} them`,
      );
    }
  }
  expect(wrong).toEqual([]);
  // Some of either kind, or the test shows nothing.
  expect(new Set(logged.map(({ beats }) => beats)).size).toBe(2);
}, 600_000);
