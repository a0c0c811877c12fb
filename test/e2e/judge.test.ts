import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runHere } from '../support/cli.ts';
import { startMlflow } from '../support/mlflow-server.ts';
import { plainEvaluation } from '../support/model-examples.ts';

let mlflow: Awaited<ReturnType<typeof startMlflow>>;
let folder: string;
beforeAll(async () => {
  mlflow = await startMlflow();
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-judge-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await mlflow.stop();
});

const judge = (...words: string[]) => runHere(['judge', ...words], { MLFLOW_TRACKING_URI: mlflow.url });

it('shows every value, where it comes from, and how each rule turned out', async () => {
  const { code, stdout } = await judge('iris-species', '3');
  expect(code).toBe(0);
  expect(stdout).toContain('iris-species v3  would be rejected: not_better');
  expect(stdout).toMatch(/log_loss\s+the model\s+2\.4029102259411435\s+logged model m-\w+, run \w+, step 0/);
  expect(stdout).toMatch(/log_loss\s+the champion \(version 2\)\s+0\.06778610257316227\s/);
  expect(stdout).toContain('failed  better');
  expect(stdout).toContain('not asked  token symbol');
});

it('prints the same as JSON, and takes aliases and files', async () => {
  const file = join(folder, 'evaluation.json');
  writeFileSync(file, JSON.stringify(plainEvaluation({ n_eval: 400, metric_name: 'accuracy' })));
  const { code, events } = await judge('models:/iris-species@champion', file, '--json');
  expect(code).toBe(0);
  const [alias, document] = events;
  expect(alias).toMatchObject({
    event: 'judged',
    model_name: 'iris-species',
    model_version: '2',
    verdict: 'announce',
    candidate: { value: 0.06778610257316227 },
    baselines: [{ kind: 'stated', value: 0.2095967341124123 }, { kind: 'stated' }],
  });
  expect(document).toMatchObject({
    verdict: 'announce',
    gains: [{ over: 'its baseline', ci95: [expect.any(Number), expect.any(Number)] }],
  });
  expect(document).not.toMatchObject({
    rules: expect.arrayContaining([expect.objectContaining({ passed: false })]),
  });
});

it.each([
  [['iris-species', '99'], 4, 'has no model version iris-species 99'],
  [['models:/iris-species@nobody'], 4, 'iris-species has no alias nobody'],
  [['/nowhere.json'], 2, '/nowhere.json cannot be read'],
  [['models:/iris-species'], 2, 'expected models:/NAME/VERSION'],
])('%j ends with %i', async (words, exit, message) => {
  const { code, stderr } = await judge(...words);
  expect(code).toBe(exit);
  expect(stderr).toContain(message);
});
