import type { SQSEvent } from 'aws-lambda';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { Ping } from '../../test/support/ping.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { findSubscription } from '../config/find.ts';
import { type Emulator, startEmulator } from '../dev/emulator.ts';
import { type EventSourceMapping, startEventSourceMapping } from '../dev/event-source-mapping.ts';
import { encode, wrap } from '../message/envelope.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { listDeadLetters } from '../operate/dead-letters.ts';
import { createPublisher } from '../publish/publisher.ts';
import { fixedSecrets, type Secrets } from '../secrets/secrets.ts';
import { TransportError } from '../transport/errors.ts';
import { queueNames } from '../transport/names.ts';
import type { Outgoing, Settlement, SettleOutcome, Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { type Handler, Postpone, Reject, RetryAfter } from './handler.ts';
import { createSqsEventHandler, type SqsEventHandler } from './sqs-event.ts';

type Data = { n: number; note?: string | undefined };

let emulator: Emulator;
let spy: Spy;
let transport: Transport;
let opened = 0;
let mapping: EventSourceMapping | undefined;
let count = 0;
let isOrdered = false;

const lambda = { entry: 'unused' };
const loadHandler = async () => ({ default: () => undefined });
const config = () =>
  defineConfig({
    prefix: `t${count}`,
    topics: [
      topic(
        Ping,
        { test: { loadHandler, lambda, handlerTimeoutMs: 5_000, retry: { baseMs: 1, maxAttempts: 3 } } },
        { ordered: isOrdered },
      ),
    ],
  });

beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());
beforeEach(async () => {
  count++;
  opened = 0;
  spy = createSpy();
  transport = await openTransport(emulator.url, config());
  await transport.provision();
});
afterEach(async () => {
  await mapping?.close();
  mapping = undefined;
  await transport.close();
  spy.close();
});

const found = () => findSubscription(config(), 'ping/test');

function host(handler: Handler<Data>, signingKeys?: Secrets): SqsEventHandler {
  return createSqsEventHandler({
    found: found(),
    handler,
    signingKeys,
    openTransport: async () => {
      opened++;
      return transport;
    },
  });
}

function map(invoke: SqsEventHandler, errors: unknown[] = []): EventSourceMapping {
  mapping = startEventSourceMapping({
    endpoint: emulator.endpoint,
    region: 'us-east-1',
    queueName: queueNames(config().prefix, found().address, found().topic.ordered).queue,
    invoke,
    batchSize: 10,
    maxConcurrency: 2,
    functionTimeoutMs: 5_000,
    onError: (error) => errors.push(error),
  });
  return mapping;
}

const good = (n: number): Outgoing => ({
  id: `id-${n}`,
  body: encode(wrap(Ping, { n }, { id: `id-${n}` })),
  headers: {},
});
const emptied = () =>
  vi.waitFor(
    async () =>
      expect(await transport.depth(found().address)).toMatchObject({ ready: 0, inFlight: 0, delayed: 0 }),
    10_000,
  );

/** An event as Lambda would make it, of messages that are in no queue. */
function eventOf(...deliveries: number[]): SQSEvent {
  return {
    Records: deliveries.map((times, n) => ({
      messageId: `m-${n}`,
      receiptHandle: `r-${n}`,
      body: good(n).body,
      attributes: {
        ApproximateReceiveCount: String(times),
        SentTimestamp: '1',
        SenderId: '',
        ApproximateFirstReceiveTimestamp: '1',
      },
      messageAttributes: {},
      md5OfBody: '',
      eventSource: 'aws:sqs',
      eventSourceARN: '',
      awsRegion: '',
    })),
  };
}

const plenty = { getRemainingTimeInMillis: () => 60_000 };

it('answers a record that is none, and handles one that does not say how often it was delivered', async () => {
  const handled: number[] = [];
  const handler = host(({ data }) => void handled.push(data.n));
  const { Records } = eventOf(1, 1, 1);
  const broken = JSON.parse(JSON.stringify({ ...Records[0], messageId: 'broken', messageAttributes: null }));
  const uncounted = JSON.parse(
    JSON.stringify({ ...Records[1], attributes: { ApproximateReceiveCount: '?' } }),
  );
  const answer = await handler(
    { Records: [broken, uncounted, ...Records.slice(2)] },
    { getRemainingTimeInMillis: () => 30_000 },
  );
  expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'broken' }] });
  expect(handled).toEqual([1, 2]);
});

describe('an SQS function', () => {
  it('handles its batch without ever opening the carrier: Lambda deletes', async () => {
    const handled: number[] = [];
    map(host(async ({ data }) => void handled.push(data.n)));
    await transport.send('ping', [1, 2, 3].map(good));
    await emptied();
    expect(handled.toSorted()).toEqual([1, 2, 3]);
    expect(opened).toBe(0);
  });

  it('dead-letters at once, with bytes and reason, what cannot be read, and handles the rest', async () => {
    const bad = [
      'this is not json',
      encode(wrap(Ping, JSON.parse('{"n":"one"}'), {})),
      encode(wrap(Ping, { n: 1 }, {})).replace('ping:1', 'ping:9'),
      encode(wrap(Ping, { n: 1 }, {})).replace('"n":1', '"n":1,"__proto__":{"admin":true}'),
    ];
    await transport.send('ping', [
      ...[1, 2, 3, 4, 5, 6].map(good),
      ...bad.map((body, n) => ({ id: `bad-${n}`, body, headers: {} })),
    ]);
    const handled: number[] = [];
    map(host(({ data }) => void handled.push(data.n)));
    await emptied();
    expect(handled.toSorted()).toEqual([1, 2, 3, 4, 5, 6]);
    expect(spy.all('retried')).toEqual([]);
    const dead = await listDeadLetters(transport, found().address);
    expect(
      dead
        .toSorted((a, b) => a.id.localeCompare(b.id))
        .map(({ id, body, reason }) => [id, body, reason.code]),
    ).toEqual([
      ['bad-0', bad[0], 'malformed'],
      ['bad-1', bad[1], 'invalid'],
      ['bad-2', bad[2], 'unknown-version'],
      ['bad-3', bad[3], 'unsafe'],
    ]);
  });

  it('has a failed message back after its delay, and only that one', async () => {
    const attempts: string[] = [];
    map(
      host(({ data }, { attempt }) => {
        attempts.push(`${data.n}.${attempt}`);
        if (data.n === 2 && attempt < 2) throw new Error('not yet');
      }),
    );
    await transport.send('ping', [1, 2, 3].map(good));
    await emptied();
    expect(attempts.toSorted()).toEqual(['1.1', '2.1', '2.2', '3.1']);
  });

  it('reports everything it could not settle, when the carrier cannot be opened', async () => {
    const broken = createSqsEventHandler({
      found: found(),
      handler: ({ data }) => {
        if (data !== null) throw new Error('no');
      },
      openTransport: () => Promise.reject(new TransportError('Denied', 'no credentials')),
    });
    const { batchItemFailures } = await broken(eventOf(1, 3), plenty);
    expect(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(['m-0', 'm-1']);
    expect(spy.all('carrier_unavailable')).toMatchObject([{ code: 'Denied' }]);
    expect(spy.all('settle_failed')).toMatchObject([
      { id: 'm-0', action: 'retry', code: 'Denied' },
      { id: 'm-1', action: 'deadLetter', code: 'Denied' },
    ]);
    expect(spy.all('dead_lettered')).toEqual([]);
  });

  it('tries again at the next invocation to open a carrier that could not be opened', async () => {
    let tries = 0;
    const host = createSqsEventHandler({
      found: found(),
      handler: () => {
        throw new Reject('never');
      },
      openTransport: async () => {
        tries++;
        if (tries === 1) throw new TransportError('Unavailable', 'no network yet');
        return faulty(transport, { settle: async (_, settlements) => settlements.map(() => 'settled') });
      },
    });
    expect((await host(eventOf(1), plenty)).batchItemFailures).toHaveLength(1);
    expect((await host(eventOf(1), plenty)).batchItemFailures).toEqual([]);
    expect(spy.all('dead_lettered')).toHaveLength(1);
    expect(spy.all('carrier_back')).toHaveLength(1);
  });

  it('runs alone and last what was delivered too often, after the rest is settled', async () => {
    const order: number[] = [];
    const answer = await host(({ data }) => void order.push(data.n))(eventOf(1, 9, 1), plenty);
    expect(order).toEqual([0, 2, 1]);
    expect(opened).toBe(1);
    expect(answer).toEqual({ batchItemFailures: [] });
  });

  it('keeps what may have killed its process apart from the others of its kind, for longer each time', async () => {
    const extended: (readonly [number, number])[] = [];
    transport = faulty(transport, {
      settle: async (_, settlements) => settlements.map(() => 'settled'),
      async extend(_, receipts, leaseMs) {
        extended.push([receipts.length, leaseMs / found().subscription.leaseMs]);
        return receipts.map(() => 'settled');
      },
    });
    const invoke = host(() => undefined);
    expect(await invoke(eventOf(1, 4, 4, 1), plenty)).toEqual({ batchItemFailures: [] });
    expect(extended).toEqual([[1, 2]]);
    await invoke(eventOf(6, 6, 6), plenty);
    expect(extended.slice(1)).toEqual([
      [1, 8],
      [1, 8],
    ]);
  });

  it('settles again over another connection, where the first died while it was frozen', async () => {
    let tries = 0;
    transport = faulty(transport, {
      async settle(_, settlements) {
        tries++;
        if (tries === 1) throw new TransportError('Unavailable', 'ECONNRESET');
        return settlements.map(() => 'settled');
      },
    });
    const answer = await host(() => {
      throw new Reject('never');
    })(eventOf(1), plenty);
    expect(answer).toEqual({ batchItemFailures: [] });
    expect(spy.all('settle_failed')).toEqual([]);
    expect(spy.all('dead_lettered')).toHaveLength(1);
  });

  it('leaves a suspect the time that is left when it begins', async () => {
    let left = 60_000;
    transport = faulty(transport, {
      settle: async (_, settlements) => settlements.map(() => 'settled'),
      async extend(_, receipts) {
        left = 1_050;
        return receipts.map(() => 'settled');
      },
    });
    let signalled = 0;
    const hanging: Handler<Data> = (_, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => signalled++));
    const startedAt = performance.now();
    await host(hanging)(eventOf(4, 4), { getRemainingTimeInMillis: () => left });
    expect(signalled).toBe(2);
    // Not the five seconds that it may take otherwise.
    expect(performance.now() - startedAt).toBeLessThan(4_000);
  });

  it('gives nothing up for what it had no time for', async () => {
    const settled: string[] = [];
    transport = faulty(transport, {
      settle: async (_, settlements) => {
        settled.push(...settlements.map(({ action }) => action));
        return settlements.map(() => 'settled');
      },
    });
    const endsAt = performance.now() + 1_100;
    await host(() => new Promise(() => {}))(eventOf(9), {
      getRemainingTimeInMillis: () => endsAt - performance.now(),
    });
    expect(settled).toEqual(['retry']);
  });

  it('gives back untried what it has no time for', async () => {
    let calls = 0;
    const untried = host(() => void calls++);
    const answer = await untried(eventOf(1), { getRemainingTimeInMillis: () => 900 });
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-0' }] });
    expect(calls).toBe(0);
    // Nor is it settled: that would count as a failure.
    expect(opened).toBe(0);
    expect(await untried(eventOf(1), { getRemainingTimeInMillis: () => 1_100 })).toEqual({
      batchItemFailures: [],
    });
    expect(calls).toBe(1);
  });

  it('ends a handler before Lambda would, and has its message tried again', async () => {
    const signals: AbortSignal[] = [];
    const settled: string[] = [];
    transport = faulty(transport, {
      settle: async (_, settlements) => {
        settled.push(...settlements.map(({ action }) => action));
        return settlements.map(() => 'settled');
      },
    });
    const endsAt = performance.now() + 1_100;
    const answer = await host((_, { signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    })(eventOf(1), { getRemainingTimeInMillis: () => endsAt - performance.now() });
    expect(performance.now()).toBeLessThan(endsAt);
    expect(signals.map(({ reason }) => reason)).toMatchObject([{ name: 'HandlerTimeout' }]);
    expect(settled).toEqual(['retry']);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-0' }] });
  });

  it('stores anew what is postponed, and has Lambda delete the old one', async () => {
    const asked: Settlement[] = [];
    const outcomes: SettleOutcome[] = ['settled', new TransportError('Denied', 'not stored')];
    transport = faulty(transport, {
      settle: async (_, settlements) => {
        asked.push(...settlements);
        return settlements.map((_one, place) => outcomes[place] ?? 'settled');
      },
    });
    const answer = await host(() => {
      throw new Postpone(3_600_000, 'not now');
    })(eventOf(1, 1), plenty);
    // As long as SQS delays a message.
    expect(asked.slice(0, 2)).toMatchObject([
      { action: 'postpone', delayMs: 900_000 },
      { action: 'postpone', delayMs: 900_000 },
    ]);
    expect(answer).toEqual({ batchItemFailures: [{ itemIdentifier: 'm-1' }] });
    expect(spy.all('postponed')).toHaveLength(1);
    expect(spy.all('retried')).toEqual([]);
  });

  it('extends a lease when its handler asks', async () => {
    const extended: boolean[] = [];
    map(
      host(async (_, { extendLease }) => {
        extended.push(await extendLease(20_000));
      }),
    );
    await transport.send('ping', [good(1)]);
    await emptied();
    expect(extended).toEqual([true]);
  });
});

describe('an SQS function of an ordered topic', () => {
  beforeEach(async () => {
    await transport.close();
    isOrdered = true;
    transport = await openTransport(emulator.url, config());
    await transport.provision();
  });
  afterEach(() => {
    isOrdered = false;
  });

  it('keeps a key in order through a failure, while another key goes on', async () => {
    const seen: string[] = [];
    map(
      host(async ({ data: { n } }, { attempt }) => {
        seen.push(`${n}`);
        if (n === 1 && attempt === 1) throw new RetryAfter(1_000);
      }),
    );
    const keys = ['a', 'a', 'b', 'a'];
    await transport.send(
      'ping',
      keys.map((key, index) => ({ ...good(index + 1), key })),
    );
    await emptied();
    expect(seen.filter((n) => n !== '3')).toEqual(['1', '1', '2', '4']);
    expect(seen.indexOf('3')).toBeLessThan(seen.lastIndexOf('1'));
  });

  it('hides what is postponed, and keeps what follows it', async () => {
    const seen: string[] = [];
    let postponed = 0;
    map(
      host(({ data: { n } }) => {
        seen.push(`${n}`);
        if (n !== 1 || postponed === 2) return;
        postponed++;
        throw new Postpone(1_000, 'not now');
      }),
    );
    await transport.send(
      'ping',
      ['a', 'a', 'b'].map((key, index) => ({ ...good(index + 1), key })),
    );
    await emptied();
    expect(seen.filter((n) => n !== '3')).toEqual(['1', '1', '1', '2']);
    expect(spy.all('postponed')).toHaveLength(2);
    expect(spy.all('dead_lettered')).toEqual([]);
  });

  it('reports what failed and all that comes after it of its group, and no other', async () => {
    const event = eventOf(...Array.from({ length: 5 }, () => 1));
    const groups = ['a', 'b', 'a', 'a', 'b'];
    for (const [n, record] of event.Records.entries()) {
      record.attributes.MessageGroupId = groups[n] ?? '';
    }
    const handled: number[] = [];
    const answer = await host(({ data: { n } }) => {
      handled.push(n);
      if (n === 2) throw new Error('not now');
    })(event, plenty);
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(['m-2', 'm-3']);
    expect(handled.toSorted()).toEqual([0, 1, 2, 4]);
  });

  it('keeps what came after a dead letter that could not be stored', async () => {
    const event = eventOf(1, 1, 1);
    for (const record of event.Records) record.attributes.MessageGroupId = 'a';
    transport = faulty(transport, {
      settle: async (_, settlements) => settlements.map(() => new TransportError('Denied', 'no right to')),
    });
    const answer = await host(({ data: { n } }) => {
      if (n === 1) throw new Reject('never');
    })(event, plenty);
    expect(answer.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)).toEqual(['m-1', 'm-2']);
  });
});

describe('the local event source', () => {
  it('leaves a batch whose function failed as a whole to its visibility timeout', async () => {
    const errors: unknown[] = [];
    let fail = true;
    map(async (event, context) => {
      if (!fail) return host(() => undefined)(event, context);
      fail = false;
      throw new Error('crashed');
    }, errors);
    await transport.send('ping', [good(1)]);
    await vi.waitFor(() => expect(errors).toHaveLength(1), 5_000);
    expect(await transport.depth(found().address)).toMatchObject({ inFlight: 1 });
  });

  it('takes an answer that names a stranger for a failed batch, as AWS does', async () => {
    const errors: unknown[] = [];
    map(async () => ({ batchItemFailures: [{ itemIdentifier: 'stranger' }] }), errors);
    await transport.send('ping', [good(1)]);
    await vi.waitFor(() => expect(errors).toHaveLength(1), 5_000);
    expect(String(errors[0])).toMatch(/"stranger", which was not in its batch/);
    expect(await transport.depth(found().address)).toMatchObject({ inFlight: 1 });
  });

  it('waits for a queue that is not there yet', async () => {
    const errors: unknown[] = [];
    count = 900;
    map(
      host(() => undefined),
      errors,
    );
    await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), 5_000);
    const later = await openTransport(emulator.url, config());
    await later.provision();
    await later.send('ping', [good(1)]);
    await spy.waitFor('handled', { id: 'id-1' }, 10_000);
    await later.close();
  });
});

it('handles only what is signed where there are keys, and dead-letters the rest', async () => {
  const handled: number[] = [];
  const signingKeys = fixedSecrets(['a key that is long enough to be a secret']);
  await createPublisher({ transport, signingKeys }).publish(Ping, { n: 1 });
  const unsigned = good(2);
  await transport.send('ping', [unsigned]);
  map(host(({ data }) => void handled.push(data.n), signingKeys));
  await spy.waitFor('dead_lettered', { id: 'id-2', code: 'signature' }, 10_000);
  await emptied();
  expect(handled).toEqual([1]);
  const [letter] = await listDeadLetters(transport, found().address);
  expect(letter).toMatchObject({ id: 'id-2', body: unsigned.body });
});
