import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Received, startHttpServer } from '../../../test/support/http-server.ts';
import { fetchedSecrets } from '../../secrets/secrets.ts';
import { createMlflowClient } from './mlflow-client.ts';
import { clientFromEnvironment, createRestRegistry, registriesFromEnvironment } from './mlflow-rest.ts';
import { RegistryError } from './registry.ts';

const RUN = '{"run":{"info":{"run_id":"r","status":"FINISHED"}}}';

function always(status: number, body = '', headers: Record<string, string> = {}) {
  return (_: Received, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
}

async function failure(reading: Promise<unknown>): Promise<RegistryError> {
  const error = await reading.catch((thrown: unknown) => thrown);
  if (error instanceof RegistryError) return error;
  throw new Error(`expected a RegistryError, found ${String(error)}`);
}

describe('what MLflow answers with an error', () => {
  it.each([
    [
      400,
      'INVALID_PARAMETER_VALUE',
      'Invalid',
      'answered INVALID_PARAMETER_VALUE (400) when asked for run r',
    ],
    [400, 'BAD_REQUEST', 'Invalid', 'answered BAD_REQUEST (400) when asked for run r'],
    [404, 'ENDPOINT_NOT_FOUND', 'Invalid', 'answered ENDPOINT_NOT_FOUND (404) when asked for run r'],
    [404, 'RESOURCE_DOES_NOT_EXIST', 'NotFound', 'has no run r (404)'],
    [500, 'INTERNAL_ERROR', 'Unavailable', 'cannot answer for run r now (500)'],
    [500, 'FEATURE_DISABLED', 'Invalid', 'does not offer what run r takes: are workspaces enabled there?'],
    [400, 'an invention', 'Invalid', 'answered 400 when asked for run r'],
  ])('%d %s is %s', async (status, error_code, code, sentence) => {
    const body = JSON.stringify({ error_code, message: 'You sent hunter2' });
    const server = await startHttpServer(always(status, body));
    const error = await failure(createRestRegistry({ url: server.url }).run('r'));
    expect(error).toMatchObject({ code, message: `MLflow at ${server.url}/api/2.0/mlflow ${sentence}` });
  });

  it('is no alias only if it says so', async () => {
    let message = 'Registered model alias champion not found.';
    const server = await startHttpServer((_, response) =>
      response.writeHead(400).end(JSON.stringify({ error_code: 'INVALID_PARAMETER_VALUE', message })),
    );
    const registry = createRestRegistry({ url: server.url });
    expect(await registry.alias('m', 'champion')).toBeUndefined();
    message = "Missing value for required parameter 'alias'.";
    expect(await failure(registry.alias('m', 'champion'))).toMatchObject({ code: 'Invalid' });
  });
});

describe('what answers in front of MLflow', () => {
  it.each([
    ['text/html; charset=utf-8', 'Sign in'],
    ['application/json', '\n<!doctype html><title>Sign in</title>'],
  ])('a page of %s may be another answer later', async (type, body) => {
    const server = await startHttpServer(always(200, body, { 'content-type': type }));
    const error = await failure(createRestRegistry({ url: server.url }).run('r'));
    expect(error).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(error.message).toBe(
      `${server.url}/api/2.0/mlflow answered with a web page, not with JSON, when asked for run r: is a login in front of MLflow, or is this another server?`,
    );
  });

  it('is followed on the same server, with the credentials', async () => {
    const server = await startHttpServer(({ url }, response) => {
      if (url.pathname.startsWith('/new')) response.end(RUN);
      else response.writeHead(308, { location: `/new${url.pathname}${url.search}` }).end();
    });
    const url = server.url.replace('//', '//ann:secret@');
    expect(await createRestRegistry({ url }).run('r')).toMatchObject({ id: 'r' });
    const sent = server.requests.map(({ headers }) => headers.authorization);
    expect(sent).toEqual([`Basic ${btoa('ann:secret')}`, `Basic ${btoa('ann:secret')}`]);
  });

  it('is not followed elsewhere, and where that is said without its query', async () => {
    const elsewhere = await startHttpServer(always(200, RUN));
    const server = await startHttpServer(
      always(302, '', { location: `${elsewhere.url}/oauth?state=hunter2` }),
    );
    const error = await failure(createRestRegistry({ url: server.url }).run('r'));
    expect(error).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(error.message).toBe(
      `${server.url}/api/2.0/mlflow sends on to ${elsewhere.url} (302) when asked for run r: is a login in front of MLflow? Give the URL where MLflow itself answers`,
    );
    expect(elsewhere.requests).toEqual([]);
  });

  it.each(['/again', undefined, 'http://'])(
    'does not end the program by sending on to %s',
    async (location) => {
      const server = await startHttpServer(always(302, '', location === undefined ? {} : { location }));
      const error = await failure(createRestRegistry({ url: server.url }).run('r'));
      expect(error.code).toBe('Unavailable');
      expect(server.requests.length).toBeLessThan(6);
    },
  );
});

describe('an answer', () => {
  it('of more than 32 MiB is given up', async () => {
    const chunk = Buffer.alloc(1_048_576, ' ');
    let sent = 0;
    const server = await startHttpServer((_, response) => {
      const more = (): void => {
        if (response.destroyed || sent > 200) return;
        sent++;
        if (response.write(chunk)) setImmediate(more);
        else response.once('drain', more);
      };
      more();
    });
    const error = await failure(createRestRegistry({ url: server.url }).run('r'));
    expect(error).toMatchObject({ code: 'Invalid' });
    expect(error.message).toContain('answered with more than 32 MiB when asked for run r');
    expect(sent).toBeLessThan(100);
  });

  it('may hold bare NaN, int64 as text, null for an empty list, and run_uuid', async () => {
    const server = await startHttpServer(
      always(
        200,
        `{"run":{"info":{"run_uuid":"old","status":"FINISHED"},"data":{"metrics":[
          {"key":"a","value":NaN,"timestamp":"1764554390000","step":"0"},
          {"key":"b","value":0.1,"timestamp":"2","step":"10"},
          {"key":"b","value":0.2,"timestamp":"1","step":"9"}],"tags":null},"outputs":{"model_outputs":null}}}`,
      ),
    );
    const run = await createRestRegistry({ url: server.url }).run('old');
    expect(run).toMatchObject({ id: 'old', loggedModels: [] });
    expect([...run.metrics].map(([name, { value }]) => [name, value])).toEqual([
      ['a', Number.NaN],
      ['b', 0.1],
    ]);
  });
});

describe('credentials', () => {
  it('are fetched again after a 401, and it is asked once more', async () => {
    let accepted = 'first';
    const server = await startHttpServer(({ headers }, response) =>
      response.writeHead(headers.authorization === `Bearer ${accepted}` ? 200 : 401).end(RUN),
    );
    let now = 0;
    const token = fetchedSecrets(
      async () => [accepted],
      () => now,
    );
    const registry = createRestRegistry({ url: server.url, token });
    await registry.run('r');
    accepted = 'second';
    now = 61_000;
    await registry.run('r');
    accepted = 'third';
    expect(await failure(registry.run('r'))).toMatchObject({ code: 'Denied' });
    const sent = server.requests.map(({ headers }) => headers.authorization);
    expect(sent).toEqual(['Bearer first', 'Bearer first', 'Bearer second', 'Bearer second']);
  });

  it.each([
    [{ MLFLOW_TRACKING_TOKEN_FILE: '/nowhere' }, 'Unavailable', 'MLFLOW_TRACKING_TOKEN_FILE names /nowhere'],
    [
      { MLFLOW_TRACKING_TOKEN_ARN: 'token' },
      'Invalid',
      'MLFLOW_TRACKING_TOKEN_ARN is not an ARN of a secret',
    ],
    [
      { MLFLOW_TRACKING_TOKEN: 't', MLFLOW_TRACKING_TOKEN_FILE: '/nowhere' },
      'Invalid',
      'MLFLOW_TRACKING_TOKEN and MLFLOW_TRACKING_TOKEN_FILE are set: set one of them',
    ],
  ])('that cannot be had are said in a sentence: %o', async (environment, code, sentence) => {
    const server = await startHttpServer(always(200, RUN));
    const client = clientFromEnvironment({ MLFLOW_TRACKING_URI: server.url, ...environment });
    const error = await failure(client.get('run r', 'runs/get', {}, String));
    expect(error.code).toBe(code);
    expect(error.message).toContain(sentence);
    expect(server.requests).toEqual([]);
  });

  it('may hold blanks where they are given outright, and not only those of a file', async () => {
    const server = await startHttpServer(always(200, RUN));
    const common = { MLFLOW_TRACKING_URI: server.url, MLFLOW_TRACKING_USERNAME: 'ann' };
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-mlflow-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'password');
    writeFileSync(path, 'from-file\n');
    const ask = (environment: NodeJS.ProcessEnv) =>
      clientFromEnvironment({ ...common, ...environment }).get('run r', 'runs/get', {}, String);
    await ask({ MLFLOW_TRACKING_PASSWORD: 'two words' });
    await ask({ MLFLOW_TRACKING_PASSWORD_FILE: path });
    expect(server.requests.map(({ headers }) => headers.authorization)).toEqual([
      `Basic ${btoa('ann:two words')}`,
      `Basic ${btoa('ann:from-file')}`,
    ]);
  });
});

describe('a workspace', () => {
  it('is said in a header, that of the request before that of the environment', async () => {
    const server = await startHttpServer(always(200, RUN));
    const open = registriesFromEnvironment({
      MLFLOW_TRACKING_URI: server.url,
      MLFLOW_WORKSPACE: ' team-a ',
    });
    await open().run('r');
    await open('team-b').run('r');
    await createRestRegistry({ url: server.url }).run('r');
    expect(server.requests.map(({ headers }) => headers['x-mlflow-workspace'])).toEqual([
      'team-a',
      'team-b',
      undefined,
    ]);
  });

  it('is named by what it does not have', async () => {
    const body = '{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"Workspace \'team-a\' not found"}';
    const server = await startHttpServer(always(404, body));
    const error = await failure(createRestRegistry({ url: server.url, workspace: 'team-a' }).run('r'));
    expect(error.message).toBe(
      `MLflow at ${server.url}/api/2.0/mlflow has no run r in the workspace team-a (404)`,
    );
  });

  it('is refused where it is none', () => {
    expect(() => createMlflowClient({ url: 'http://h', workspace: 'a\r\nb' })).toThrow(
      new RegistryError(
        'Invalid',
        'MLFLOW_WORKSPACE is not the name of a workspace: expected a-z, 0-9 and "-"',
      ),
    );
  });
});

describe('writing', () => {
  it("sets a version's tag", async () => {
    const server = await startHttpServer(always(200, '{}'));
    const client = createMlflowClient({ url: `${server.url}/ml`, workspace: 'team-a' });
    await client.setVersionTag('iris species', '2', 'hikyaku.verdict', 'announced');
    expect(server.requests).toEqual([
      expect.objectContaining({
        method: 'POST',
        body: '{"name":"iris species","version":"2","key":"hikyaku.verdict","value":"announced"}',
        headers: expect.objectContaining({
          'content-type': 'application/json',
          'x-mlflow-workspace': 'team-a',
        }),
      }),
    ]);
    expect(server.requests[0]?.url.pathname).toBe('/ml/api/2.0/mlflow/model-versions/set-tag');
  });

  it('is not sent on, and says what it was', async () => {
    const server = await startHttpServer(always(307, '', { location: '/elsewhere' }));
    const error = await failure(createMlflowClient({ url: server.url }).setVersionTag('m', '1', 'k', 'v'));
    expect(error.message).toContain('(307) when asked for model version m 1');
    expect(server.requests).toHaveLength(1);
  });
});
