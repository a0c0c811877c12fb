import { expect, onTestFinished, test, vi } from 'vitest';
import { announcementOf } from '../../../test/support/announcements.ts';
import { CANARY_WEBHOOK_SECRET } from '../../../test/support/canary.ts';
import { type Answer, startHttpServer } from '../../../test/support/http-server.ts';
import { type HandlerContext, Postpone, Reject } from '../../consume/handler.ts';
import { type Envelope, wrap } from '../../message/envelope.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { createMemoryClaims } from './claims/memory.ts';
import type { ClaimStore } from './claims/store.ts';
import { createDeployHandler } from './deploy.ts';
import { createDoor, type DoorOptions } from './door.ts';

const context: HandlerContext = {
  attempt: 1,
  signal: new AbortController().signal,
  extendLease: async () => true,
};

function message(version: string, current_value: number): Envelope<ModelReadyToDeploy> {
  const { data, id } = announcementOf(version, { current_value });
  return wrap(modelReadyToDeploy, data, { id });
}

/** A platform, and handlers that deploy to it: each as in a process of its own, with the same claims. */
async function system(answer: Answer, door: Partial<DoorOptions> = {}) {
  const platform = await startHttpServer(answer);
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  const store: ClaimStore = door.store ?? createMemoryClaims();
  const recorded: string[] = [];
  return {
    store,
    events,
    recorded,
    live: async () => (await createDoor({ store, leaseMs: 1 }).record('churn')).live?.data.model_version,
    /** What the platform was asked for: the version, and the place of its number among those of all requests. */
    requests: () => {
      const numbers = platform.requests.map(({ headers }) => Number(headers['hikyaku-sequence']));
      return platform.requests.map(({ body }, index) => {
        const place = numbers.filter((number) => number <= (numbers[index] ?? 0)).length;
        return [JSON.parse(body).data.model_version, place];
      });
    },
    handler: (record = async (version: string) => void recorded.push(version)) => {
      const opened = createDoor({ leaseMs: 60_000, ...door, store });
      return createDeployHandler({
        url: platform.url,
        secret: CANARY_WEBHOOK_SECRET,
        openDoor: async () => opened,
        record: ({ model }) => record(model.model_version),
      });
    },
  };
}

const taking: Answer = (_, response) => void response.end();
const answering = (...statuses: number[]): Answer => {
  return (_, response) => void response.writeHead(statuses.shift() ?? 200).end();
};

test('a worse model never replaces a better one, however they arrive', async () => {
  const orders = [
    ['2', '3', '4'],
    ['4', '3', '2'],
    ['3', '2', '4'],
  ];
  for (const order of orders) {
    const { handler, live } = await system(taking);
    for (const version of order) await handler()(message(version, version === '3' ? 0.9 : 0.8), context);
    expect(await live()).toBe('3');
  }
});

test('a model that is superseded is acknowledged, and an event says why', async () => {
  const { handler, events, requests, recorded } = await system(taking);
  await handler()(message('3', 0.9), context);
  await handler()(message('2', 0.8), context);
  await handler()(message('3', 0.9), context);
  expect(requests()).toEqual([['3', 1]]);
  expect(recorded).toEqual(['3']);
  expect(events).toEqual([
    { event: 'deployed', id: 'announcement-of-3', model_name: 'churn', model_version: '3' },
    {
      event: 'superseded',
      id: 'announcement-of-2',
      model_name: 'churn',
      model_version: '2',
      by: '3',
      reason:
        'its accuracy of 0.8 is not better than the 0.9 of version 3, which is deployed (higher is better)',
    },
    { event: 'already_deployed', id: 'announcement-of-3', model_name: 'churn', model_version: '3' },
  ]);
});

test('a deployment that is retried is superseded by a better one that came between', async () => {
  const { handler, live, events } = await system(answering(503));
  await expect(handler()(message('2', 0.8), context)).rejects.toMatchObject({ name: 'DeployFailed' });
  await handler()(message('3', 0.9), context);
  await handler()(message('2', 0.8), context);
  expect(events.map(({ event }) => event)).toEqual(['deployed', 'superseded']);
  expect(await live()).toBe('3');
});

test('one that the platform refuses for good leaves what was live', async () => {
  const { handler, live } = await system(answering(200, 422));
  await handler()(message('2', 0.8), context);
  await expect(handler()(message('3', 0.9), context)).rejects.toBeInstanceOf(Reject);
  expect(await live()).toBe('2');
  await handler()(message('4', 0.85), context);
  expect(await live()).toBe('4');
});

test('409 of the platform supersedes it, and what was live before is', async () => {
  const { handler, live, events, requests } = await system(answering(200, 409));
  await handler()(message('2', 0.8), context);
  await handler()(message('3', 0.9), context);
  expect(events.at(-1)).toMatchObject({
    event: 'superseded',
    model_version: '3',
    by: 'platform',
    reason: expect.stringMatching(/answered 409: it has a newer deployment of this model$/),
  });
  expect(await live()).toBe('2');
  await handler()(message('4', 0.85), context);
  expect(requests().at(-1)).toEqual(['4', 3]);
});

test('of two handlers at once, one waits without spending an attempt', async () => {
  const arrived = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const { handler, live, requests } = await system(async (_, response) => {
    arrived.resolve();
    await finish.promise;
    response.end();
  });
  const first = handler()(message('2', 0.8), context);
  await arrived.promise;
  const waiting = await Promise.resolve(handler()(message('3', 0.9), context)).catch(
    (error: unknown) => error,
  );
  expect(waiting).toBeInstanceOf(Postpone);
  expect(waiting).toMatchObject({ message: 'version 2 is being deployed', delayMs: expect.any(Number) });
  finish.resolve();
  await first;
  await handler()(message('3', 0.9), context);
  expect(requests()).toEqual([
    ['2', 1],
    ['3', 2],
  ]);
  expect(await live()).toBe('3');
});

test('after a crash between claim and answer, the same message goes on', async () => {
  const { handler, store, live, requests } = await system(taking);
  const { id, time, data } = message('2', 0.8);
  await createDoor({ store, leaseMs: 60_000 }).enter({ id, time, data });
  await expect(handler()(message('3', 0.9), context)).rejects.toBeInstanceOf(Postpone);
  await handler()(message('2', 0.8), context);
  expect(requests()).toEqual([['2', 1]]);
  expect(await live()).toBe('2');
});

test('after a crash between the answer and its record, it is asked for again with the same id', async () => {
  const { handler, live, requests } = await system(taking);
  const full = new Error('disk full');
  const broken = handler(() => Promise.reject(full));
  await expect(broken(message('2', 0.8), context)).rejects.toBe(full);
  expect(await live()).toBeUndefined();
  await handler()(message('2', 0.8), context);
  expect(requests()).toEqual([
    ['2', 1],
    ['2', 2],
  ]);
});

test('posts nothing once its claim is over', async () => {
  const { store, handler, requests } = await system(taking, { leaseMs: 0 });
  await expect(handler()(message('2', 0.8), context)).rejects.toThrow('its claim is over');
  expect(requests()).toEqual([]);
  expect(JSON.parse((await store.read('churn'))?.text ?? '')).not.toHaveProperty('claim');
});

test('a request does not outlive its claim', async () => {
  const { handler } = await system(() => {}, { leaseMs: 100 });
  await expect(handler()(message('2', 0.8), context)).rejects.toMatchObject({ name: 'DeployFailed' });
});

test('a better one that took over meanwhile is what is live, however late the platform answers', async () => {
  const store = createMemoryClaims();
  const { handler, live } = await system(
    async (_, response) => {
      // Its lease ends, and another one takes over.
      const other = announcementOf('1', { current_value: 0.9 });
      const door = createDoor({ store, leaseMs: 20 });
      await vi.waitFor(async () => {
        const answer = await door.enter(other);
        if (answer.outcome !== 'deploy') throw new Error('not yet');
        await answer.entry.deployed(new Date().toISOString());
      });
      response.end();
    },
    { store, leaseMs: 20 },
  );
  await expect(handler()(message('2', 0.8), context)).rejects.toThrow();
  await vi.waitFor(async () => expect(await live()).toBe('1'));
  await handler()(message('2', 0.8), context);
  expect(await live()).toBe('1');
});

test('the champion of a registry is not replaced by a worse model', async () => {
  const champion = async () => ({ version: '7', value: 0.95 });
  const { handler, events, requests } = await system(taking, { champion });
  await handler()(message('8', 0.85), context);
  await handler()(message('9', 0.96), context);
  expect(events).toMatchObject([
    { event: 'superseded', by: '7', reason: expect.stringContaining('version 7, which is the champion') },
    { event: 'deployed', model_version: '9' },
  ]);
  expect(requests()).toEqual([['9', 1]]);
});

test('a store of claims that is away is tried again, and nothing is deployed', async () => {
  const away = new Error('away');
  const store = { ...createMemoryClaims(), read: () => Promise.reject(away) };
  const { handler, requests } = await system(taking, { store });
  await expect(handler()(message('2', 0.8), context)).rejects.toBe(away);
  expect(requests()).toEqual([]);
});
