import { runInNewContext } from 'node:vm';
import type { StandardSchemaV1 } from '@standard-schema/spec';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PING, Ping } from '../../test/support/ping.ts';
import { type Contract, defineMessage } from '../message/contract.ts';
import { readDeadLetterReason } from '../message/dead-letter.ts';
import { encode, wrap } from '../message/envelope.ts';
import { REPLAYED } from '../message/replayed.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { TransportError } from '../transport/errors.ts';
import type { Incoming, SettleOutcome } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import { type Handler, type HandlerContext, Postpone, Reject, RetryAfter } from './handler.ts';
import { createProcessor, type Ended, type ProcessorOptions } from './processor.ts';

type Data = { n: number; note?: string | undefined };

let spy: Spy;
beforeEach(() => {
  spy = createSpy();
});
afterEach(() => spy.close());

function delivery(n: number, changes: Partial<Incoming> = {}): Incoming {
  const id = `id-${n}`;
  const body = encode(wrap(Ping, { n }, { id }));
  const leaseUntil = performance.now() + 30_000;
  return { id, body, headers: {}, deliveries: 1, enqueuedAt: 0, leaseUntil, receipt: {}, ...changes };
}

interface Options {
  readonly timeoutMs?: number;
  readonly extend?: ExtendLeases;
  readonly extendByMs?: number;
  readonly verify?: ProcessorOptions<Data>['verify'];
  readonly countsPostponed?: boolean;
  readonly maxDeliveries?: number;
}

function processor(handler: Handler<Data>, options: Options = {}) {
  return processorOf(Ping, handler, options);
}

function processorOf<T>(contract: Contract<T>, handler: Handler<T>, options: Options) {
  return createProcessor<T>({
    address: PING,
    contract,
    handler,
    retry: { maxAttempts: 3, baseMs: 1_000, maxMs: 60_000 },
    handlerTimeoutMs: options.timeoutMs ?? 5_000,
    limits: { retryDelayMs: 100_000, postponeDelayMs: 50_000 },
    extend: options.extend ?? (async (all) => all.map(() => 'settled')),
    ...(options.extendByMs !== undefined && { extendByMs: options.extendByMs }),
    verify: options.verify,
    countsPostponed: options.countsPostponed,
    maxDeliveries: options.maxDeliveries,
  });
}

async function endOf(handler: Handler<Data>, incoming: Incoming, options?: Options): Promise<Ended> {
  const [ended] = await processor(handler, options).process([incoming]);
  if (ended === undefined) throw new Error('no settlement');
  return ended;
}

function reasonOf(ended: Ended) {
  if (ended.action !== 'deadLetter') throw new Error(`${ended.action} is no dead letter`);
  return readDeadLetterReason(ended.headers);
}

describe('a handler that postpones', () => {
  /** Said so long ago, in ms. */
  function aged(ms: number, changes: Partial<Incoming> = {}): Incoming {
    const time = new Date(Date.now() - ms).toISOString();
    return delivery(1, { body: encode({ ...wrap(Ping, { n: 1 }, { id: 'id-1' }), time }), ...changes });
  }
  const postponing = (ms: number, incoming = delivery(1), options: Options & { maxAgeMs?: number } = {}) =>
    endOf(() => Promise.reject(new Postpone(ms, 'busy', options)), incoming, options);
  const HOUR = 3_600_000;

  it('has its message come later, and spends no attempt', async () => {
    const incoming = delivery(1);
    const ended = await postponing(7_000, incoming);
    const event = { event: 'postponed', ...PING, id: 'id-1', delayMs: 7_000, error: 'busy' };
    expect(ended).toEqual({
      id: 'id-1',
      receipt: incoming.receipt,
      action: 'postpone',
      delayMs: 7_000,
      event,
    });
    // Also past its last attempt.
    for (const deliveries of [3, 99]) {
      expect(await postponing(60_000, delivery(1, { deliveries }))).toMatchObject({ action: 'postpone' });
    }
  });

  it('waits no less than the policy says, and no longer than the carrier can', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5);
    onTestFinished(() => void vi.restoreAllMocks());
    for (const little of [0, -5, Number.NaN, Number.NEGATIVE_INFINITY, 499]) {
      expect(await postponing(little), String(little)).toMatchObject({ action: 'postpone', delayMs: 500 });
    }
    expect(await postponing(501)).toMatchObject({ delayMs: 501 });
    for (const much of [50_001, Number.POSITIVE_INFINITY]) {
      expect(await postponing(much)).toMatchObject({ action: 'postpone', delayMs: 50_000 });
    }
  });

  it('has failed once its message is older than an hour, or than it says', async () => {
    expect(await postponing(1, aged(HOUR - 5_000))).toMatchObject({ action: 'postpone' });
    const old = await postponing(7_000, aged(HOUR + 1));
    expect(old).toMatchObject({
      action: 'retry',
      delayMs: 7_000,
      event: { event: 'retried', error: 'busy' },
    });
    expect(await postponing(Number.POSITIVE_INFINITY, aged(HOUR + 1))).toMatchObject({ delayMs: 100_000 });
    const last = await postponing(1, aged(HOUR + 1, { deliveries: 3 }));
    expect(reasonOf(last)).toMatchObject({ code: 'exhausted', message: 'busy', attempts: 3 });
    expect(await postponing(1, aged(2_000), { maxAgeMs: 1_000 })).toMatchObject({ action: 'retry' });
    for (const [ageMs, maxAgeMs] of [
      [2 * HOUR, 3 * HOUR],
      [1e12, Number.POSITIVE_INFINITY],
    ] as const) {
      expect(await postponing(1, aged(ageMs), { maxAgeMs })).toMatchObject({ action: 'postpone' });
    }
  });

  it('counts the age from the last replay, by what is signed where messages are', async () => {
    const headers = { [REPLAYED]: new Date(Date.now() - 1_000).toISOString() };
    const replayed = () => aged(5 * HOUR, { headers });
    expect(await postponing(1, replayed())).toMatchObject({ action: 'postpone' });
    const verify = (at: number | undefined) => ({ verify: () => at });
    expect(await postponing(1, replayed(), verify(undefined))).toMatchObject({ action: 'retry' });
    expect(await postponing(1, aged(5 * HOUR), verify(Date.now()))).toMatchObject({ action: 'postpone' });
  });

  it('makes its deliveries last where the carrier goes on counting them', async () => {
    const counting = { countsPostponed: true, maxDeliveries: 25 };
    const at = (deliveries: number) => postponing(1_000, aged(0, { deliveries }), counting);
    vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(await at(1)).toMatchObject({ delayMs: 1_000 });
    // Three attempts are kept.
    let ageMs = 0;
    for (let deliveries = 1; deliveries <= 22; deliveries++) {
      const ended = await endOf(
        () => Promise.reject(new Postpone(1_000, 'busy', { maxAgeMs: 90_000 })),
        aged(ageMs, { deliveries }),
        counting,
      );
      if (ended.action !== 'postpone') return expect.unreachable(`${ended.action} at ${deliveries}`);
      ageMs += ended.delayMs;
      if (ageMs >= 90_000) break;
    }
    expect(ageMs).toBeGreaterThanOrEqual(90_000);
    // The longest that it can be hidden, and none beyond.
    expect(await at(22)).toMatchObject({ delayMs: 100_000 });
    expect(await at(99)).toMatchObject({ delayMs: 100_000 });
  });
});

describe('a handler', () => {
  it('that returns is done, at once or later', async () => {
    for (const handler of [() => undefined, async () => undefined]) {
      const incoming = delivery(1);
      expect(await endOf(handler, incoming)).toMatchObject({ action: 'ack', receipt: incoming.receipt });
    }
    expect(spy.all('handled')).toMatchObject([
      { id: 'id-1', attempt: 1, topic: 'ping', subscription: 'test' },
      { id: 'id-1' },
    ]);
  });

  it('gets the message and the attempt', async () => {
    const seen: unknown[] = [];
    await endOf(
      (message, { attempt, signal }) => {
        seen.push(message.data, message.id, attempt, signal.aborted);
      },
      delivery(7, { deliveries: 2 }),
    );
    expect(seen).toEqual([{ n: 7 }, 'id-7', 2, false]);
  });

  it('that throws is tried again after a delay within its backoff', async () => {
    for (const [deliveries, most] of [
      [1, 1_000],
      [2, 2_000],
    ] as const) {
      const ended = await endOf(() => Promise.reject(new TypeError('no')), delivery(1, { deliveries }));
      expect(ended).toMatchObject({ action: 'retry' });
      if (ended.action !== 'retry') continue;
      expect(ended.delayMs).toBeGreaterThanOrEqual(0);
      expect(ended.delayMs).toBeLessThanOrEqual(most);
      expect(ended.event).toMatchObject({ event: 'retried', error: 'TypeError: no', attempt: deliveries });
    }
  });

  it('that throws at its last attempt gives the message up, with history', async () => {
    const failing = processor(() => {
      throw new Error('still no', { cause: new Error('socket') });
    });
    await failing.process([delivery(1, { deliveries: 2 })]);
    const [ended] = await failing.process([delivery(1, { deliveries: 3 })]);
    expect(ended && reasonOf(ended)).toMatchObject({
      code: 'exhausted',
      message: 'still no (socket)',
      attempts: 3,
      history: [{ attempt: 2 }, { attempt: 3, error: 'still no (socket)' }],
    });
    expect(ended?.event).toMatchObject({ event: 'dead_lettered', code: 'exhausted' });
  });

  it('that fails after more deliveries than it may be tried gives the message up as well', async () => {
    const ended = await endOf(() => Promise.reject(new Error('no')), delivery(1, { deliveries: 7 }));
    expect(reasonOf(ended)).toMatchObject({ code: 'exhausted', attempts: 7 });
  });

  it('may be delivered more often than tried: only a failed handling gives it up', async () => {
    expect(await endOf(() => undefined, delivery(1, { deliveries: 99 }))).toMatchObject({ action: 'ack' });
  });

  it('that rejects gives the message up now', async () => {
    const ended = await endOf(() => Promise.reject(new Reject('not ours')), delivery(1));
    expect(reasonOf(ended)).toMatchObject({ code: 'rejected', message: 'not ours', attempts: 1 });
  });

  it('chooses its delay, within what the carrier can keep', async () => {
    const at = async (ms: number) => endOf(() => Promise.reject(new RetryAfter(ms, 'busy')), delivery(1));
    expect(await at(7_000)).toMatchObject({ action: 'retry', delayMs: 7_000 });
    expect(await at(9_999_999)).toMatchObject({ delayMs: 100_000 });
    expect(await at(-5)).toMatchObject({ delayMs: 0 });
    const noNumber = await at(Number.NaN);
    if (noNumber.action !== 'retry') expect.fail(noNumber.action);
    expect(noNumber.delayMs).toBeGreaterThanOrEqual(0);
    expect(noNumber.delayMs).toBeLessThanOrEqual(1_000);
    expect(
      reasonOf(await endOf(() => Promise.reject(new RetryAfter(1)), delivery(1, { deliveries: 3 }))),
    ).toMatchObject({
      code: 'exhausted',
    });
  });

  it('that throws something odd is tried again', async () => {
    const ended = await endOf(() => Promise.reject('a text'), delivery(1));
    expect(ended.event).toMatchObject({ error: 'a text' });
    const secretive = {
      toString() {
        throw new Error('no');
      },
    };
    for (const thrown of [secretive, Object.create(null)]) {
      for (const handler of [
        () => Promise.reject(thrown),
        () => {
          throw thrown;
        },
      ]) {
        const { action, event } = await endOf(handler, delivery(1));
        expect(action).toBe('retry');
        expect(event).toMatchObject({ error: 'a value that cannot be written' });
      }
    }
  });

  const isPromise = (value: unknown): value is Promise<void> =>
    typeof value === 'object' && value !== null && 'then' in value;

  it('is waited for, whoever made the promise that it returns', async () => {
    const settle: { resolve: () => void; reject: (error: Error) => void }[] = [];
    /** One of another realm: it looks like a promise, and is no instance of ours. */
    function foreign(): Promise<void> {
      const made: unknown = runInNewContext(
        'new Promise((resolve, reject) => settle.push({ resolve, reject }))',
        {
          settle,
        },
      );
      if (!isPromise(made)) throw new Error('not a promise');
      expect(made).not.toBeInstanceOf(Promise);
      return made;
    }
    const ended = processor(foreign).process([delivery(1), delivery(2)]);
    expect(spy.all('handled')).toEqual([]);
    settle[0]?.resolve();
    settle[1]?.reject(new Error('no'));
    expect(await ended).toMatchObject([{ action: 'ack' }, { action: 'retry', event: { error: 'no' } }]);
  });

  it('may return what only looks like a promise', async () => {
    const odd: unknown[] = [
      // biome-ignore lint/suspicious/noThenProperty: that is what it has to have.
      { then: 1 },
      {
        // biome-ignore lint/suspicious/noThenProperty: as above.
        get then() {
          throw new Error('no');
        },
      },
      {
        // biome-ignore lint/suspicious/noThenProperty: as above.
        then() {
          throw new Error('no');
        },
      },
    ];
    const answers = await Promise.all(
      odd.filter(isPromise).map((answer) => endOf(() => answer, delivery(1))),
    );
    expect(answers).toMatchObject([
      { action: 'ack' },
      { action: 'retry', event: { error: 'no' } },
      { action: 'retry', event: { error: 'no' } },
    ]);
  });

  it('whose time is up is tried again, its signal fires, and its late answer counts no more', async () => {
    let aborted: unknown;
    let finish: (() => void) | undefined;
    const [ended] = await processor(
      async (_, { signal }) => {
        signal.addEventListener('abort', () => {
          aborted = signal.reason;
        });
        await new Promise<void>((resolve) => {
          finish = resolve;
        });
      },
      { timeoutMs: 20 },
    ).process([delivery(1)]);
    expect(ended).toMatchObject({
      action: 'retry',
      event: { error: expect.stringContaining('HandlerTimeout') },
    });
    expect(aborted).toMatchObject({ name: 'HandlerTimeout' });
    finish?.();
    await Promise.resolve();
    expect(spy.all('handled')).toEqual([]);
  });

  it('that asks for its signal only after its time was up finds it fired', async () => {
    let context: HandlerContext | undefined;
    await processor(
      (_, given) => {
        context = given;
        return new Promise(() => {});
      },
      { timeoutMs: 5 },
    ).process([delivery(1)]);
    expect(context?.signal.aborted).toBe(true);
    expect(await context?.extendLease(1_000)).toBe(false);
  });
});

describe('a schema that takes its time', () => {
  /** Checks when it is told to: with the gate's own result, or its error. */
  function slowly(handler: Handler<unknown>, options: Options = {}) {
    const gate = Promise.withResolvers<StandardSchemaV1.Result<unknown>>();
    const Slow = defineMessage({
      name: 'ping',
      version: 1,
      schema: { '~standard': { version: 1, vendor: 'test', validate: () => gate.promise } },
    });
    return { gate, slow: processorOf(Slow, handler, options) };
  }

  it('is waited for, and the handler gets what it made of the data', async () => {
    const seen: unknown[] = [];
    const { slow, gate } = slowly(({ data }) => void seen.push(data));
    const ended = slow.process([delivery(1)]);
    gate.resolve({ value: 'made' });
    expect(await ended).toMatchObject([{ action: 'ack' }]);
    expect(seen).toEqual(['made']);
  });

  it('gives up what it refuses, and has tried again what it fails at', async () => {
    const refusing = slowly(() => undefined);
    const ended = refusing.slow.process([delivery(1)]);
    refusing.gate.resolve({ issues: [{ message: 'not ours' }] });
    expect((await ended).map(reasonOf)).toMatchObject([{ code: 'invalid', message: 'data: not ours' }]);
    const failing = slowly(() => undefined);
    const again = failing.slow.process([delivery(1)]);
    failing.gate.reject(new Error('no database'));
    expect(await again).toMatchObject([{ action: 'retry', event: { error: 'no database' } }]);
  });

  it('has the handler’s time, and after it the handler is not called any more', async () => {
    let calls = 0;
    const { slow, gate } = slowly(() => void calls++, { timeoutMs: 20 });
    const ended = await slow.process([delivery(1)]);
    expect(ended).toMatchObject([
      { action: 'retry', event: { error: expect.stringMatching(/^HandlerTimeout/) } },
    ]);
    gate.resolve({ value: 'late' });
    await new Promise(setImmediate);
    expect(calls).toBe(0);
  });

  it('keeps its lease, and is cut short with its host', async () => {
    let extended = 0;
    const { slow } = slowly(() => undefined, {
      extendByMs: 40,
      extend: async (all) => {
        extended++;
        return all.map(() => 'settled');
      },
    });
    const ended = slow.process([delivery(1, { leaseUntil: performance.now() + 40 })]);
    await vi.waitFor(() => expect(extended).toBeGreaterThan(2));
    slow.cutShort(new Error('closing'));
    expect(await ended).toMatchObject([{ action: 'retry', delayMs: 0 }]);
  });
});

describe('a batch', () => {
  it('is judged message by message', async () => {
    const bodies = {
      2: 'not json',
      4: encode(wrap(Ping, JSON.parse('{"n":"four"}'), {})),
      6: encode(wrap(Ping, { n: 6 }, {})).replace('ping:1', 'ping:9'),
      8: encode(wrap(Ping, { n: 8 }, {})).replace('"n":8', '"n":8,"__proto__":{"x":1}'),
    } as Record<number, string>;
    const batch = Array.from({ length: 10 }, (_, n) =>
      delivery(n, bodies[n] === undefined ? {} : { body: bodies[n] }),
    );
    const handled: number[] = [];
    const ended = await processor(async ({ data }) => {
      handled.push(data.n);
    }).process(batch);
    expect(ended.map(({ receipt }) => receipt)).toEqual(batch.map(({ receipt }) => receipt));
    expect(handled).toEqual([0, 1, 3, 5, 7, 9]);
    expect(ended.filter(({ action }) => action === 'deadLetter').map((one) => reasonOf(one).code)).toEqual([
      'malformed',
      'invalid',
      'unknown-version',
      'unsafe',
    ]);
    expect(ended.filter(({ action }) => action === 'retry')).toEqual([]);
    expect(await processor(() => undefined).process([])).toEqual([]);
  });

  it('puts last, and alone, what was delivered more often than it may be tried', () => {
    const { isolate } = processor(() => undefined);
    const batch = [1, 4, 3, 9].map((deliveries, n) => delivery(n, { deliveries }));
    const seen = new Set<string>();
    // In any order: one that ends its process would end it before the same others each time.
    while (seen.size < 2) {
      const [together, ...alone] = isolate(batch).map((group) => group.map(({ id }) => id));
      expect(together).toEqual(['id-0', 'id-2']);
      expect(alone.toSorted()).toEqual([['id-1'], ['id-3']]);
      seen.add(String(alone));
    }
    expect(isolate(batch.slice(0, 1))).toEqual([batch.slice(0, 1)]);
    expect(isolate(batch.slice(1, 2))).toEqual([batch.slice(1, 2)]);
  });

  it('is cut short on demand', async () => {
    const reasons: unknown[] = [];
    const slow = processor((_, { signal }) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason));
      return new Promise(() => {});
    });
    const ended = slow.process([delivery(1), delivery(2)]);
    const reason = new Error('closing');
    slow.cutShort(reason);
    expect(await ended).toMatchObject([
      { action: 'retry', delayMs: 0 },
      { action: 'retry', delayMs: 0 },
    ]);
    expect(reasons).toEqual([reason, reason]);
  });
});

describe('a lease', () => {
  const held = (ms: number) => ({ leaseUntil: performance.now() + ms });

  it('is extended while the handler is at work, for all that need it in one call', async () => {
    const calls: number[] = [];
    let finish: (() => void) | undefined;
    const working = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const ended = processor(() => working, {
      extendByMs: 60,
      extend: async (all) => {
        calls.push(all.length);
        if (calls.length === 3) finish?.();
        return all.map(() => 'settled');
      },
    }).process([delivery(1, held(60)), delivery(2, held(60))]);
    expect(await ended).toMatchObject([{ action: 'ack' }, { action: 'ack' }]);
    expect(calls).toEqual([2, 2, 2]);
    expect(spy.all('lease_lost')).toEqual([]);
  });

  it.each<[string, () => Promise<SettleOutcome[]>]>([
    ['says it is lost', async () => [new TransportError('LeaseLost', 'gone')]],
    ['is away', () => Promise.reject(new TransportError('Unavailable', 'away'))],
    ['cannot say', async () => ['unverified']],
  ])('that ends fires the signal, once, when the carrier %s', async (_, extend) => {
    let reason: unknown;
    const [ended] = await processor(
      (_message, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            reason = signal.reason;
            resolve();
          });
        }),
      { extend, extendByMs: 40 },
    ).process([delivery(1, held(40))]);
    expect(ended).toMatchObject({ action: 'ack' });
    expect(reason).toMatchObject({ name: 'LeaseExpired' });
    expect(spy.all('lease_lost')).toMatchObject([{ id: 'id-1' }]);
  });

  it('is not extended where the host does not want it, and ends', async () => {
    const [ended] = await processor(
      (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve())),
      {
        extend: () => {
          throw new Error('not asked for');
        },
      },
    ).process([delivery(1, held(20))]);
    expect(ended).toMatchObject({ action: 'ack' });
    expect(spy.all('lease_lost')).toHaveLength(1);
  });

  it('grows when the handler asks, and so does the handler’s time', async () => {
    const start = performance.now();
    const [ended] = await processor(
      async (_, context) => {
        expect(await context.extendLease(10_000)).toBe(true);
        await vi.waitFor(() => expect(performance.now() - start).toBeGreaterThan(60));
        expect(context.signal.aborted).toBe(false);
      },
      { timeoutMs: 40 },
    ).process([delivery(1, held(40))]);
    expect(ended).toMatchObject({ action: 'ack' });
  });

  it('that the carrier does not extend is not believed to be longer', async () => {
    await processor(
      async (_, context) => {
        expect(await context.extendLease(10_000)).toBe(false);
      },
      { extend: async () => ['unverified'] },
    ).process([delivery(1)]);
  });

  it('is settled only after an extension under way has ended', async () => {
    const order: string[] = [];
    let extended: (() => void) | undefined;
    const ended = processor(
      async () => {
        await vi.waitFor(() => expect(extended).toBeDefined());
        order.push('handled');
        setImmediate(() => extended?.());
      },
      {
        extendByMs: 40,
        extend: (all) =>
          new Promise((resolve) => {
            extended = () => {
              order.push('extended');
              resolve(all.map(() => 'settled'));
            };
          }),
      },
    ).process([delivery(1, held(40))]);
    await ended;
    order.push('settled');
    expect(order).toEqual(['handled', 'extended', 'settled']);
  });
});
