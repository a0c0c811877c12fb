import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { type Received, startHttpServer } from '../../../test/support/http-server.ts';
import { answerAsMlflow } from '../../../test/support/mlflow-server.ts';
import { expectedModels } from '../../../test/support/model-examples.ts';
import { judge } from '../judge/gate.ts';
import { readEvidence } from '../judge/inputs.ts';
import { createRestRegistry, registryFromEnvironment } from './mlflow-rest.ts';
import { RegistryError } from './registry.ts';

const always =
  (status: number, body = '', headers: Record<string, string> = {}) =>
  (_: Received, response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };

async function failure(reading: Promise<unknown>): Promise<RegistryError> {
  const error = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof RegistryError) return error;
  throw new Error(`expected a RegistryError, found ${String(error)}`);
}

test('every example model comes out as expected', async () => {
  const server = await startHttpServer(answerAsMlflow);
  const models = expectedModels();
  const evaluations = await readEvidence(
    models.map(({ registered_model, version }) => ({
      name: 'given',
      content: `models:/${registered_model}/${version}`,
    })),
    {},
    () => createRestRegistry({ url: server.url }),
  );
  expect(evaluations.map((evaluation) => judge(evaluation).verdict)).toEqual(
    models.map(({ should_pass }) => (should_pass ? 'announce' : 'reject')),
  );
  expect(evaluations.map(({ candidate }) => candidate.value)).toEqual(
    models.map(({ value }) => Number(value)),
  );
});

test('a missing alias is none; what else is missing is not found, in one sentence', async () => {
  const server = await startHttpServer(answerAsMlflow);
  const registry = createRestRegistry({ url: `${server.url}/` });
  expect(await registry.alias('bc-diagnosis', 'challenger')).toBeUndefined();
  expect(await registry.alias('bc-diagnosis', 'champion')).toMatchObject({ version: '1' });
  const run = await failure(registry.run('none'));
  expect(run).toMatchObject({ code: 'NotFound', retryable: false });
  expect(run.message).toBe(`MLflow at ${server.url}/api/2.0/mlflow has no run none (404)`);
  expect(await failure(registry.modelVersion('bc-diagnosis', '99'))).toMatchObject({
    message: `MLflow at ${server.url}/api/2.0/mlflow has no model version bc-diagnosis 99 (404)`,
  });
});

test('keeps the path of the URL, and encodes names', async () => {
  const server = await startHttpServer(always(404));
  await failure(createRestRegistry({ url: `${server.url}/ml/flow//` }).modelVersion('a&b=c d', '1'));
  const url = server.requests[0]?.url;
  expect(url?.pathname).toBe('/ml/flow/api/2.0/mlflow/model-versions/get');
  expect(url?.searchParams.get('name')).toBe('a&b=c d');
});

test.each([
  [{}, undefined],
  [{ MLFLOW_TRACKING_TOKEN: 'tok', MLFLOW_TRACKING_USERNAME: 'u' }, 'Bearer tok'],
  [{ MLFLOW_TRACKING_USERNAME: 'u', MLFLOW_TRACKING_PASSWORD: 'p:é' }, `Basic ${btoa('u:p:\xc3\xa9')}`],
  [{ MLFLOW_TRACKING_USERNAME: 'u' }, `Basic ${btoa('u:')}`],
])('credentials of the environment: %o', async (environment, expected) => {
  const server = await startHttpServer(always(404));
  await failure(registryFromEnvironment({ MLFLOW_TRACKING_URI: server.url, ...environment }).run('r'));
  expect(server.requests[0]?.headers.authorization).toBe(expected);
});

test('credentials of the URL are sent as MLflow does, and never said', async () => {
  const server = await startHttpServer(always(403));
  const url = server.url.replace('http://', 'http://me:s%40cret@');
  const error = await failure(createRestRegistry({ url }).run('r'));
  expect(server.requests[0]?.headers.authorization).toBe(`Basic ${btoa('me:s@cret')}`);
  expect(error.message).not.toMatch(/s@cret|s%40cret/);
  expect(error.message).toMatch(/refuses access to run r \(403\): check MLFLOW_TRACKING_TOKEN/);
});

test.each([
  [401, 'Denied', false],
  [403, 'Denied', false],
  // Of whatever stands in front of an MLflow that is not there.
  [404, 'Unavailable', true],
  [400, 'Invalid', false],
  [429, 'Unavailable', true],
  [503, 'Unavailable', true],
  [418, 'Invalid', false],
])('the answer %d is %s', async (status, code, retryable) => {
  const server = await startHttpServer(always(status, 'a body that is not said'));
  const error = await failure(createRestRegistry({ url: server.url }).alias('m', 'champion'));
  expect(error).toMatchObject({ code, retryable });
  expect(error.message).toMatch(`${status}`);
  expect(error.message).not.toMatch('body');
});

test.each([
  ['sign in', 'run r, but not in JSON'],
  ['{"run":{"info":{"run_id":7}}}', 'run r: run.info.run_id: expected a text'],
])('an answer that is something else: %s', async (body, message) => {
  const server = await startHttpServer(always(200, body));
  const error = await failure(createRestRegistry({ url: server.url }).run('r'));
  expect(error.code).toBe('Invalid');
  expect(error.message).toContain(message);
});

test('a server that is away, or too slow, may be asked again', async () => {
  const server = await startHttpServer(() => {});
  const slow = await failure(createRestRegistry({ url: server.url, timeoutMs: 50 }).run('r'));
  expect(slow).toMatchObject({ code: 'Unavailable', retryable: true });
  expect(slow.message).toBe(`MLflow at ${server.url}/api/2.0/mlflow did not answer within 0.05 s`);
  await server.stop();
  const away = await failure(createRestRegistry({ url: server.url }).run('r'));
  expect(away).toMatchObject({ code: 'Unavailable', retryable: true });
  expect(away.message).toBe(`MLflow at ${server.url}/api/2.0/mlflow cannot be reached`);
});

test.each([{}, { MLFLOW_TRACKING_URI: '' }])('without a tracking URI: %o', (environment) => {
  expect(() => registryFromEnvironment(environment)).toThrow(
    'MLFLOW_TRACKING_URI is not set: expected the URL of an MLflow server, such as https://mlflow.example.com',
  );
});
