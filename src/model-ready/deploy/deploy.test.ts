import type { ServerResponse } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CANARY_WEBHOOK_SECRET } from '../../../test/support/canary.ts';
import { type Received, startHttpServer } from '../../../test/support/http-server.ts';
import { evidence } from '../../../test/support/model-examples.ts';
import { type HandlerContext, Postpone, Reject, RetryAfter } from '../../consume/handler.ts';
import { type Envelope, wrap } from '../../message/envelope.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { judge } from '../judge/gate.ts';
import { createMemoryClaims } from './claims/memory.ts';
import { createDeployHandler, InvalidDeployOptions } from './deploy.ts';
import type { Deployment } from './deploy-model.ts';
import { DeployFailed } from './deploy-request.ts';
import { createDoor } from './door.ts';

const SECRET = CANARY_WEBHOOK_SECRET;

function announcement(id?: string): Envelope<ModelReadyToDeploy> {
  const judged = judge(evidence());
  if (judged.verdict === 'reject') throw new Error(judged.reason);
  return wrap(modelReadyToDeploy, judged.message, { id });
}

function context(signal = new AbortController().signal): HandlerContext {
  return { attempt: 1, signal, extendLease: async () => true };
}

/** A door of its own, at which nothing was deployed yet. */
function openDoor() {
  const door = createDoor({ store: createMemoryClaims(), leaseMs: 60_000 });
  return async () => door;
}

function observed(): ModelEvent[] {
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  return events;
}

const answering =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (_: Received, response: ServerResponse): void => {
    response.writeHead(status, headers).end(body);
  };

/** Deploys to a platform that answers so, and returns what the handler throws, if it does. */
async function deployTo(
  answer: (request: Received, response: ServerResponse) => void,
  { timeoutMs = 5_000, signal = new AbortController().signal } = {},
) {
  const server = await startHttpServer(answer);
  const recorded: Deployment[] = [];
  const handler = createDeployHandler({
    url: `${server.url}/deployments?team=ml`,
    secret: SECRET,
    timeoutMs,
    openDoor: openDoor(),
    record: (deployment) => {
      recorded.push(deployment);
    },
  });
  const message = announcement();
  const thrown = await Promise.resolve(handler(message, context(signal))).then(
    () => undefined,
    (error: unknown) => error,
  );
  return { server, recorded, message, thrown, host: new URL(server.url).host };
}

test('asks the platform by a Standard Webhooks request, then records', async () => {
  const events = observed();
  const { server, recorded, message, thrown } = await deployTo(answering(204));
  expect(thrown).toBeUndefined();
  const [request] = server.requests;
  if (request === undefined) throw new Error('no request');
  expect(request).toMatchObject({ method: 'POST', headers: { 'content-type': 'application/json' } });
  expect(`${request.url.pathname}${request.url.search}`).toBe('/deployments?team=ml');
  expect(request.headers['webhook-id']).toBe(message.id);
  const signed = {
    'webhook-id': message.id,
    'webhook-timestamp': String(request.headers['webhook-timestamp']),
    'webhook-signature': String(request.headers['webhook-signature']),
  };
  expect(new Webhook(SECRET).verify(request.body, signed)).toEqual({
    type: 'model_ready_to_deploy',
    timestamp: message.time,
    data: message.data,
  });
  expect(recorded).toEqual([{ id: message.id, at: expect.any(String), model: message.data }]);
  expect(events).toEqual([
    { event: 'deployed', id: message.id, model_name: 'churn-predictor', model_version: '7' },
  ]);
});

test('trying again sends the same id and body, with the next number', async () => {
  let busy = true;
  const server = await startHttpServer((_, response) => {
    response.writeHead(busy ? 503 : 200).end();
    busy = false;
  });
  const handler = createDeployHandler({
    url: server.url,
    secret: SECRET,
    record: () => {},
    openDoor: openDoor(),
  });
  const message = announcement();
  await expect(handler(message, context())).rejects.toBeInstanceOf(DeployFailed);
  await handler(message, context());
  const [first, second] = server.requests;
  expect(second?.body).toBe(first?.body);
  expect(second?.headers['webhook-id']).toBe(first?.headers['webhook-id']);
  const [one = 0, other = 0] = server.requests.map(({ headers }) => Number(headers['hikyaku-sequence']));
  expect(other).toBeGreaterThan(one);
});

test.each([400, 401, 404, 410, 422, 431])('%d rejects', async (status) => {
  const { thrown, recorded, host } = await deployTo(
    answering(status, { 'retry-after': '1' }, 'secret stuff'),
  );
  expect(thrown).toBeInstanceOf(Reject);
  expect(thrown).toHaveProperty('message', `${host} answered ${status}`);
  expect(recorded).toEqual([]);
});

test.each([301, 302, 307, 308])('%d rejects, and is not followed', async (status) => {
  const elsewhere = await startHttpServer(answering(200));
  const { thrown, host } = await deployTo(answering(status, { location: elsewhere.url }));
  expect(thrown).toBeInstanceOf(Reject);
  expect(thrown).toHaveProperty(
    'message',
    `${host} answered ${status}: redirects are not followed, give the final URL`,
  );
  expect(elsewhere.requests).toEqual([]);
});

test.each([408, 425, 429, 500, 502, 503])('%d is tried again by policy', async (status) => {
  const { thrown, recorded, host } = await deployTo(answering(status, {}, 'secret stuff'));
  expect(thrown).toBeInstanceOf(DeployFailed);
  expect(thrown).toHaveProperty('message', `${host} answered ${status}`);
  expect(recorded).toEqual([]);
});

test.each([
  ['0', 0],
  ['120', 120_000],
  ['Wed, 21 Oct 2015 07:28:00 GMT', 0],
])('Retry-After: %s is honoured', async (header, delayMs) => {
  const { thrown, host } = await deployTo(answering(429, { 'retry-after': header }));
  expect(thrown).toBeInstanceOf(Postpone);
  expect(thrown).toMatchObject({ delayMs, message: `${host} answered 429` });
});

test.each([408, 425, 500, 502])('%d with Retry-After is a failed attempt', async (status) => {
  const { thrown } = await deployTo(answering(status, { 'retry-after': '7' }));
  expect(thrown).toBeInstanceOf(RetryAfter);
  expect(thrown).toMatchObject({ delayMs: 7_000 });
});

test('Retry-After as a date to come is honoured', async () => {
  const at = new Date(Date.now() + 90_000).toUTCString();
  const { thrown } = await deployTo(answering(503, { 'retry-after': at }));
  if (!(thrown instanceof Postpone)) throw new Error(String(thrown));
  expect(thrown.delayMs).toBeGreaterThan(60_000);
  expect(thrown.delayMs).toBeLessThanOrEqual(90_000);
});

test.each(['soon', '-5', '1.5', '', 'Someday, maybe', '99999999999'])(
  'Retry-After: %o is not understood, and left to the policy',
  async (header) => {
    const { thrown } = await deployTo(answering(503, { 'retry-after': header }));
    expect(thrown).toBeInstanceOf(DeployFailed);
  },
);

test('no answer in time is tried again', async () => {
  const { thrown, host } = await deployTo(() => {}, { timeoutMs: 50 });
  expect(thrown).toBeInstanceOf(DeployFailed);
  expect(thrown).toHaveProperty('message', `${host} did not answer within 0.05 s`);
});

test('a connection that breaks is tried again', async () => {
  const { thrown, host } = await deployTo((_, response) => response.destroy());
  expect(thrown).toBeInstanceOf(DeployFailed);
  expect(thrown).toMatchObject({ message: `${host} could not be asked`, cause: expect.any(Error) });
});

test("the handler's signal ends the request", async () => {
  const stop = new AbortController();
  const { server, thrown } = await deployTo(() => stop.abort(), { signal: stop.signal, timeoutMs: 60_000 });
  expect(thrown).toBeInstanceOf(DeployFailed);
  expect(server.requests).toHaveLength(1);
});

test('an answer whose body breaks off has been given all the same', async () => {
  const { thrown, recorded } = await deployTo((_, response) => {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
    response.flushHeaders();
  });
  expect(thrown).toBeUndefined();
  expect(recorded).toHaveLength(1);
});

test('an id that no header can carry is rejected', async () => {
  const server = await startHttpServer(answering(200));
  const handler = createDeployHandler({
    url: server.url,
    secret: SECRET,
    record: () => {},
    openDoor: openDoor(),
  });
  await expect(handler(announcement('naïve id\n'), context())).rejects.toBeInstanceOf(Reject);
  expect(server.requests).toEqual([]);
});

test('without a URL, recording is all there is', async () => {
  const events = observed();
  const record = vi.fn();
  const message = announcement();
  await createDeployHandler({ record, openDoor: openDoor() })(message, context());
  expect(record).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: message.id }));
  expect(events.map(({ event }) => event)).toEqual(['deployed']);
});

test('what cannot be recorded is not deployed', async () => {
  const events = observed();
  const full = new Error('disk full');
  const handler = createDeployHandler({ record: () => Promise.reject(full), openDoor: openDoor() });
  await expect(handler(announcement(), context())).rejects.toBe(full);
  expect(events).toEqual([]);
});

test.each(['https://platform.example.com/x', 'http://localhost:1', 'http://127.1.2.3', 'http://[::1]:8080'])(
  '%s may be deployed to',
  (url) => {
    expect(() =>
      createDeployHandler({ url, secret: SECRET, record: () => {}, openDoor: openDoor() }),
    ).not.toThrow();
  },
);

test.each([
  ['platform', SECRET, 'the deploy URL is not a URL: expected https://…'],
  [
    'http://platform.example.com/hook-t0ken',
    SECRET,
    'the deploy URL is http://platform.example.com: expected https',
  ],
  ['http://127.0.0.1.example.com', SECRET, 'expected https, or http on this machine'],
  ['ftp://localhost/x', SECRET, 'the deploy URL is ftp://localhost: expected https'],
  ['https://me:pw@example.com', SECRET, 'the deploy URL carries credentials: requests are signed instead'],
  ['https://example.com', undefined, 'there is a deploy URL but no secret to sign requests with'],
  ['https://example.com', 'whsec_', 'the deploy secret cannot be used: expected whsec_ and base64'],
  ['https://example.com', 'not base64', 'the deploy secret cannot be used: expected whsec_ and base64'],
])('deploying to %s cannot work: %#', (url, secret, message) => {
  const creating = () => createDeployHandler({ url, secret, record: () => {}, openDoor: openDoor() });
  expect(creating).toThrow(InvalidDeployOptions);
  expect(creating).toThrow(message);
});

describe('a secret that is rotated', () => {
  const OTHER = `whsec_${Buffer.from('another secret of 24 bytes').toString('base64')}`;

  /** Deploys to a platform that takes what is signed with `accepted`. */
  async function deploy(current: string, renewed: readonly string[] | undefined, status = 401) {
    const server = await startHttpServer(({ headers, body }, response) => {
      try {
        new Webhook(SECRET).verify(body, {
          'webhook-id': String(headers['webhook-id']),
          'webhook-timestamp': String(headers['webhook-timestamp']),
          'webhook-signature': String(headers['webhook-signature']),
        });
        response.end();
      } catch {
        response.writeHead(status).end();
      }
    });
    const renew = vi.fn(async () => renewed);
    const secret = { current: async () => [current], renewed: renew };
    const handler = createDeployHandler({ url: server.url, secret, record: () => {}, openDoor: openDoor() });
    const deploying = Promise.resolve(handler(announcement(), context()));
    return { outcome: await deploying.catch((error: unknown) => error), requests: server.requests, renew };
  }

  test.each([401, 403])('is tried after %d', async (status) => {
    const { outcome, requests } = await deploy(OTHER, [SECRET, OTHER], status);
    expect(outcome).toBeUndefined();
    expect(requests).toHaveLength(2);
  });

  test('is not asked for while the one that is known fits', async () => {
    const { outcome, renew } = await deploy(SECRET, undefined);
    expect(outcome).toBeUndefined();
    expect(renew).not.toHaveBeenCalled();
  });

  test.each([undefined, [OTHER]])('is not there: %o', async (renewed) => {
    const { outcome, requests } = await deploy(OTHER, renewed);
    expect(outcome).toBeInstanceOf(Reject);
    expect(requests).toHaveLength(1);
  });

  test('that cannot be used is said without being told', async () => {
    const { outcome } = await deploy('not base64', undefined);
    expect(outcome).toEqual(
      new InvalidDeployOptions('the deploy secret cannot be used: expected whsec_ and base64'),
    );
  });
});
