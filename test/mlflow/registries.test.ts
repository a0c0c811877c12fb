import { expect, it, onTestFinished } from 'vitest';
import { judge } from '../../src/model-ready/judge/gate.ts';
import { readEvidence } from '../../src/model-ready/judge/inputs.ts';
import {
  registriesFromEnvironment,
  registryFromEnvironment,
} from '../../src/model-ready/registry/mlflow-rest.ts';
import type { ModelRegistry, WritableRegistry } from '../../src/model-ready/registry/registry.ts';
import { startMlflowServer } from './server.ts';

async function start(...given: Parameters<typeof startMlflowServer>) {
  const server = await startMlflowServer(...given);
  onTestFinished(() => server.stop());
  return server;
}

async function verdictOf(registry: ModelRegistry): Promise<string> {
  const [evidence] = await readEvidence([{ name: 'churn', content: 'models:/churn/1' }], {}, () => registry);
  if (evidence === undefined) throw new Error('nothing was judged');
  const verdict = judge(evidence);
  return verdict.verdict === 'announce' ? 'announce' : verdict.code;
}

it('reads the model of the workspace that is asked for', async () => {
  const server = await start(['--enable-workspaces']);
  await server.python('workspaces.py', server.url);
  const open = registriesFromEnvironment({ MLFLOW_TRACKING_URI: server.url, MLFLOW_WORKSPACE: 'team-b' });
  expect(await verdictOf(open('team-a'))).toBe('announce');
  expect(await verdictOf(open('team-b'))).toBe('not_better');
  expect(await verdictOf(open())).toBe('not_better');
});

const AUTH = { MLFLOW_TRACKING_USERNAME: 'admin', MLFLOW_TRACKING_PASSWORD: 'of%this-test' };

it('asks with user and password, and writes a verdict back', async () => {
  const server = await start(['--app-name', 'basic-auth'], {
    ...AUTH,
    MLFLOW_FLASK_SERVER_SECRET_KEY: 'of this test',
    MLFLOW_AUTH_ADMIN_PASSWORD: AUTH.MLFLOW_TRACKING_PASSWORD,
  });
  const [sweep] = await server.python('cases.py', server.url, 'as_people_write');
  if (sweep === undefined) throw new Error('nothing was logged');
  const registry: WritableRegistry = registryFromEnvironment({ MLFLOW_TRACKING_URI: server.url, ...AUTH });
  const [name, version] = [String(sweep['model']), String(sweep['version'])];
  expect((await registry.modelVersion(name, version)).status).toBe('READY');
  await registry.setVersionTag(name, version, 'hikyaku.verdict', 'announced');
  expect((await registry.modelVersion(name, version)).tags.get('hikyaku.verdict')).toBe('announced');
  const stranger = registryFromEnvironment({ MLFLOW_TRACKING_URI: server.url });
  await expect(stranger.modelVersion(name, version)).rejects.toMatchObject({ code: 'Denied' });
  const inUri = registryFromEnvironment({
    MLFLOW_TRACKING_URI: server.url.replace('//', '//admin:of%this-test@'),
  });
  expect((await inUri.modelVersion(name, version)).name).toBe(name);
});
