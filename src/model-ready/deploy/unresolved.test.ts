import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { CANARY_WEBHOOK_SECRET } from '../../../test/support/canary.ts';
import { serveHttp, startHttpServer } from '../../../test/support/http-server.ts';
import { type HandlerContext, Postpone, Reject } from '../../consume/handler.ts';
import { type Envelope, wrap } from '../../message/envelope.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { createMemoryClaims } from './claims/memory.ts';
import { createDeployHandler } from './deploy.ts';
import { createDoor } from './door.ts';

const context: HandlerContext = {
  attempt: 1,
  signal: new AbortController().signal,
  extendLease: async () => true,
};
const LEASE_MS = 60_000;

function message(version: string, current_value: number): Envelope<ModelReadyToDeploy> {
  const { data, id } = announcementOf(version, { current_value });
  return wrap(modelReadyToDeploy, data, { id });
}

/** What a platform does with a request: takes it, takes it or does nothing and does not answer, or answers that status. */
type Conduct = 'take' | 'take silently' | 'nothing' | number;

// Clocks are those of other machines, which need not be waited for.
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

/** A platform that does nothing about a webhook id that it has taken before, as Standard Webhooks ask. */
async function system(...conducts: Conduct[]) {
  const taken: string[] = [];
  const versions: string[] = [];
  const platform = await startHttpServer(({ headers, body }, response) => {
    const conduct = conducts.shift() ?? 'take';
    if (typeof conduct === 'number') return void response.writeHead(conduct).end();
    if (conduct === 'nothing') return void response.destroy();
    const id = String(headers['webhook-id']);
    if (!taken.includes(id)) {
      taken.push(id);
      versions.push(JSON.parse(body).data.model_version);
    }
    if (conduct === 'take') response.end();
    else response.destroy();
  });
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const door = createDoor({ store: createMemoryClaims(), leaseMs: LEASE_MS });
  let failing = false;
  const handler = createDeployHandler({
    url: platform.url,
    secret: CANARY_WEBHOOK_SECRET,
    openDoor: async () => door,
    record: () => {
      if (failing) throw new Error('disk full');
    },
  });
  return {
    door,
    events,
    /** What the platform has live, in the order in which it took it. */
    versions,
    failToRecord: (fails: boolean) => {
      failing = fails;
    },
    deploy: async (version: string, value: number) => handler(message(version, value), context),
    /** The same, once every lease is over. */
    deployLater: async (version: string, value: number) => {
      vi.setSystemTime(Date.now() + LEASE_MS);
      return handler(message(version, value), context);
    },
    recorded: async () => (await door.record('churn')).live?.data.model_version,
  };
}

const summary = (events: readonly ModelEvent[]) =>
  events.map(({ event, model_version }) => `${model_version} ${event}`);

test('a model that was taken without an answer is not replaced by a worse one', async () => {
  const { deploy, versions, recorded, events } = await system('take silently');
  await expect(deploy('3', 0.95)).rejects.toMatchObject({ name: 'DeployFailed', mayBeLive: true });
  await deploy('2', 0.85);
  await deploy('3', 0.95);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
  expect(summary(events)).toEqual(['3 deployed', '2 superseded', '3 already_deployed']);
});

test('nor one whose process died before it recorded the answer', async () => {
  const { deploy, deployLater, door, versions, recorded } = await system();
  const { id, time, data } = message('3', 0.95);
  await door.enter({ id, time, data });
  await expect(deploy('2', 0.85)).rejects.toBeInstanceOf(Postpone);
  await deployLater('2', 0.85);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
});

test('nor one that could not be recorded', async () => {
  const { deploy, failToRecord, versions, recorded } = await system();
  failToRecord(true);
  await expect(deploy('3', 0.95)).rejects.toThrow('disk full');
  failToRecord(false);
  await deploy('2', 0.85);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
});

test('a model that the platform refuses when it is asked again makes way', async () => {
  const { deploy, versions, events } = await system('nothing', 422);
  await expect(deploy('3', 0.95)).rejects.toThrow('could not be asked');
  await deploy('2', 0.85);
  expect(versions).toEqual(['2']);
  expect(summary(events)).toEqual(['2 deployed']);
});

test('a platform that is busy then says nothing about the request before', async () => {
  const { deploy, versions, recorded } = await system('take silently', 503, 503);
  await expect(deploy('3', 0.95)).rejects.toThrow('could not be asked');
  // Its own retry, and another message.
  await expect(deploy('3', 0.95)).rejects.toThrow('503');
  await expect(deploy('2', 0.85)).rejects.toMatchObject({ name: 'DeployFailed' });
  await deploy('2', 0.85);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
});

test('a better model need not wait while it is tried again and again', async () => {
  const { deploy, versions, recorded } = await system('nothing', 503, 503);
  await expect(deploy('2', 0.85)).rejects.toThrow('could not be asked');
  await expect(deploy('2', 0.85)).rejects.toThrow('503');
  await expect(deploy('2', 0.85)).rejects.toThrow('503');
  await deploy('3', 0.95);
  await deploy('2', 0.85);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
});

test('a better model need not wait for what became of it', async () => {
  const { deploy, versions, recorded, events } = await system('take silently');
  await expect(deploy('3', 0.95)).rejects.toThrow('could not be asked');
  await deploy('4', 0.96);
  await deploy('3', 0.95);
  expect(versions).toEqual(['3', '4']);
  expect(await recorded()).toBe('4');
  expect(summary(events)).toEqual(['4 deployed', '3 superseded']);
});

test('is not forgotten when a better model fails after it', async () => {
  const { deploy, versions, recorded } = await system('take silently', 422);
  await expect(deploy('3', 0.95)).rejects.toThrow('could not be asked');
  await expect(deploy('4', 0.96)).rejects.toBeInstanceOf(Reject);
  await deploy('2', 0.85);
  expect(versions).toEqual(['3']);
  expect(await recorded()).toBe('3');
});

test('a platform that cannot be connected to has taken nothing: others need not wait', async () => {
  const gone = await serveHttp(() => {});
  await gone.stop();
  const door = createDoor({ store: createMemoryClaims(), leaseMs: 60_000 });
  const handler = createDeployHandler({
    url: gone.url,
    secret: CANARY_WEBHOOK_SECRET,
    openDoor: async () => door,
    record: () => {},
  });
  await expect(handler(message('3', 0.95), context)).rejects.toMatchObject({ mayBeLive: false });
  expect((await door.record('churn')).claim).toBeUndefined();
});
