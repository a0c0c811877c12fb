import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../../hikyaku.config.ts';
import { runHere } from '../../../test/support/cli.ts';
import { startHttpServer } from '../../../test/support/http-server.ts';
import { wrap } from '../../message/envelope.ts';
import { openTransport } from '../../transport/url.ts';
import { createMlflowClient } from '../registry/mlflow-client.ts';
import { registryOf } from '../registry/mlflow-rest.ts';
import { createMlflowSearch } from '../registry/mlflow-search.ts';
import { RegistryError } from '../registry/registry.ts';
import { modelToEvaluate } from '../to-evaluate.ts';
import { findUnjudged } from './sweep.ts';
import { sweepFunction } from './sweep-function.ts';

const HOUR = 3_600_000;

interface Registered {
  readonly name: string;
  readonly version: string;
  /** In hours. */
  readonly age: number;
  readonly tags?: Readonly<Record<string, string>>;
  readonly challenger?: boolean;
}

const REGISTERED: readonly Registered[] = [
  { name: 'churn', version: '3', age: 1 },
  { name: 'churn', version: '2', age: 2, tags: { 'hikyaku.verdict': 'rejected' } },
  { name: 'greeting', version: '1', age: 2, tags: { 'mlflow.prompt.is_prompt': 'true' }, challenger: true },
  { name: 'fraud', version: '7', age: 2.5, challenger: true },
  { name: 'churn', version: '1', age: 30 },
  { name: 'ranking', version: '4', age: 100, challenger: true },
  { name: 'judged', version: '4', age: 100, tags: { 'hikyaku.verdict': 'announced' }, challenger: true },
  { name: 'old', version: '1', age: 100 },
];

/** A server that answers searches in pages of two, as MLflow does: the newest first, if it is asked to. */
async function startRegistry(gone: readonly string[] = []) {
  const now = Date.now();
  const tagList = (tags: Registered['tags'] = {}) =>
    Object.entries(tags).map(([key, value]) => ({ key, value }));
  const versions = REGISTERED.map(({ name, version, age, tags }) => ({
    name,
    version,
    creation_timestamp: now - age * HOUR,
    tags: tagList(tags),
  }));
  const models = [...new Set(REGISTERED.map(({ name }) => name))].map((name) => {
    const alias = REGISTERED.find((one) => one.name === name && one.challenger);
    const aliases = alias && [{ alias: 'challenger', version: alias.version }];
    return { name, tags: name === 'greeting' ? tagList({ 'mlflow.prompt.is_prompt': 'true' }) : [], aliases };
  });
  return startHttpServer(({ url }, response) => {
    const asked = (key: string): string => url.searchParams.get(key) ?? '';
    const answer = (body: object, status = 200): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const page = (key: string, all: readonly object[]): void => {
      const from = Number(asked('page_token'));
      const more = from + 2 < all.length;
      answer({ [key]: all.slice(from, from + 2), ...(more && { next_page_token: String(from + 2) }) });
    };
    switch (url.pathname.replace('/api/2.0/mlflow/', '')) {
      case 'model-versions/search': {
        const newest = asked('order_by') === 'creation_timestamp DESC';
        page('model_versions', newest ? versions : versions.toReversed());
        break;
      }
      case 'registered-models/search':
        page('registered_models', models);
        break;
      case 'model-versions/get': {
        const found = versions.find(
          ({ name, version }) => name === asked('name') && version === asked('version'),
        );
        if (found === undefined || gone.includes(found.name)) {
          answer({ error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'not found' }, 404);
        } else answer({ model_version: found });
        break;
      }
      default:
        answer({}, 500);
    }
  });
}

function find(url: string, since: number, workspace?: string) {
  const client = createMlflowClient({ url });
  const search = createMlflowSearch(client);
  return findUnjudged({ search, registry: registryOf(client), since: Date.now() - since, workspace });
}

const names = (found: readonly { model_name: string; model_version: string }[]) =>
  found.map(({ model_name, model_version }) => `${model_name} ${model_version}`);

describe('a sweep', () => {
  it('finds what was registered since, and challengers, that have no verdict and are no prompts', async () => {
    const { url, requests } = await startRegistry();
    expect(names(await find(url, 24 * HOUR))).toEqual(['churn 3', 'fraud 7', 'ranking 4']);
    const searches = requests.filter((request) => request.url.pathname.endsWith('model-versions/search'));
    // It stops at the first one that is older.
    expect(searches).toHaveLength(3);
    expect(names(await find(url, 48 * HOUR))).toEqual(['churn 3', 'fraud 7', 'churn 1', 'ranking 4']);
  });

  it('asks under the same ids whenever it looks, and under others in another workspace', async () => {
    const { url } = await startRegistry();
    const ids = async (since: number, workspace?: string) =>
      (await find(url, since, workspace)).map((one) => wrap(modelToEvaluate, one, {}).id);
    const first = await ids(24 * HOUR);
    expect(await ids(24 * HOUR)).toEqual(first);
    expect(await ids(2.9 * HOUR)).toEqual(first);
    expect(new Set([...first, ...(await ids(24 * HOUR, 'team-a'))]).size).toBe(6);
  });

  it('goes on without a version that was deleted meanwhile', async () => {
    const { url } = await startRegistry(['ranking']);
    expect(names(await find(url, 24 * HOUR))).toEqual(['churn 3', 'fraud 7']);
  });

  it('ends at a server that never comes to its last page', async () => {
    const body = JSON.stringify({ registered_models: [], next_page_token: 'again' });
    const { url, requests } = await startHttpServer((_, response) => void response.end(body));
    const search = createMlflowSearch(createMlflowClient({ url }));
    await expect(Array.fromAsync(search.models())).rejects.toThrow(
      new RegistryError('Invalid', 'the search for registered models has more than 1000 pages'),
    );
    expect(requests).toHaveLength(1_000);
  });
});

async function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-sweep-'));
  const url = pathToFileURL(folder).href;
  const transport = await openTransport(url, config);
  onTestFinished(async () => {
    await transport.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await transport.provision();
  const ready = async () =>
    (await transport.depth({ topic: 'model_to_evaluate', subscription: 'judge' })).ready;
  return { url, ready };
}

it('the command publishes a request for each, or only shows them', async () => {
  const [registry, { url, ready }] = await Promise.all([startRegistry(), openFolder()]);
  const environment = { TRANSPORT_URL: url, MLFLOW_TRACKING_URI: registry.url };
  const dry = await runHere(['sweep', '--since', '1d', '--dry-run'], environment);
  expect(dry.code).toBe(0);
  expect(dry.stdout).toContain('found  churn v3');
  expect(dry.stdout).toContain('3 without a verdict');
  expect(await ready()).toBe(0);
  const swept = await runHere(['sweep', '--since', '24h', '--json'], environment);
  expect(swept.code).toBe(0);
  const requested = { event: 'requested', id: expect.any(String), model_name: 'fraud', model_version: '7' };
  expect(swept.events).toHaveLength(3);
  expect(swept.events).toContainEqual(requested);
  expect(await ready()).toBe(3);
});

it.each([
  [['--since', 'yesterday'], 2, 'expected minutes, hours or days'],
  [[], 2, '--since'],
])('the command refuses %j', async (words, code, said) => {
  const refused = await runHere(['sweep', ...words], { TRANSPORT_URL: 'memory:' });
  expect(refused.code).toBe(code);
  expect(refused.stderr).toContain(said);
});

it('the function publishes what was registered in the last three hours', async () => {
  const [registry, { url, ready }] = await Promise.all([startRegistry(), openFolder()]);
  vi.stubEnv('TRANSPORT_URL', url);
  vi.stubEnv('MLFLOW_TRACKING_URI', registry.url);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await sweepFunction(config)({})).toEqual({ requested: 3 });
  expect(await ready()).toBe(3);
});
