import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { clientFromEnvironment, registryOf } from '../../src/model-ready/registry/mlflow-rest.ts';
import { createMlflowSearch } from '../../src/model-ready/registry/mlflow-search.ts';
import { findUnjudged } from '../../src/model-ready/webhook/sweep.ts';
import { startCli } from '../support/cli.ts';
import { type MlflowServer, startMlflowServer } from './server.ts';

let server: MlflowServer;
beforeAll(async () => {
  server = await startMlflowServer();
  await server.python('cases.py', server.url, 'several_models_in_one_run');
  await server.python('cases.py', server.url, 'as_people_write');
});
afterAll(() => server.stop());

const client = () => clientFromEnvironment({ MLFLOW_TRACKING_URI: server.url });
const names = (found: readonly { model_name: string; model_version: string }[]) =>
  found.map(({ model_name, model_version }) => `${model_name} ${model_version}`).toSorted();

it('finds what was registered since and has no verdict, the same each time', async () => {
  const registry = registryOf(client());
  const find = (since: number) => findUnjudged({ search: createMlflowSearch(client()), registry, since });
  const found = await find(Date.now() - 3_600_000);
  expect(names(found)).toEqual(
    expect.arrayContaining(['checkpoints 1', 'checkpoints 2', 'checkpoints-prod 1']),
  );
  // A prompt is a version in the registry, too.
  expect(names(found)).not.toContain('greeting 1');
  expect((await find(Date.now() - 3_600_000)).map((one) => one.delivery_id).toSorted()).toEqual(
    found.map((one) => one.delivery_id).toSorted(),
  );
  await registry.setVersionTag('checkpoints', '1', 'hikyaku.verdict', 'rejected');
  expect(names(await find(Date.now() - 3_600_000))).toEqual(
    names(found).filter((name) => name !== 'checkpoints 1'),
  );
  expect(await find(Date.now() + 3_600_000)).toEqual([]);
  const answer = await fetch(`${server.url}/api/2.0/mlflow/registered-models/alias`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'checkpoints', alias: 'challenger', version: '2' }),
  });
  expect(answer.ok).toBe(true);
  expect(names(await find(Date.now() + 3_600_000))).toEqual(['checkpoints 2']);
});

it('publishes a request for each, from the command line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-sweep-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const environment = { TRANSPORT_URL: `file://${folder}`, MLFLOW_TRACKING_URI: server.url };
  expect(await startCli(['provision'], environment).exit).toBe(0);
  const dry = startCli(['sweep', '--since', '1h', '--dry-run', '--json'], environment);
  expect(await dry.exit).toBe(0);
  const swept = startCli(['sweep', '--since', '1h', '--json'], environment);
  expect(await swept.exit).toBe(0);
  expect(swept.events().length).toBe(dry.events().length);
  const status = startCli(['status', '--json'], environment);
  await status.exit;
  const [judge] = status.events().filter((row) => JSON.stringify(row).includes('judge'));
  expect(judge).toMatchObject({ ready: swept.events().length });
});
