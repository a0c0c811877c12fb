import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import * as z from 'zod/mini';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { type Contract, defineMessage } from '../message/contract.ts';
import { decode, type Envelope, encode, InvalidMessage, readEnvelope, wrap } from '../message/envelope.ts';
import { REPLAYED } from '../message/replayed.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { listDeadLetters, replayDeadLetters } from '../operate/dead-letters.ts';
import { createPublisher } from '../publish/publisher.ts';
import { fixedSecrets } from '../secrets/secrets.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { timely } from './expiry.ts';
import { startWorker, type WorkerOptions } from './worker.ts';

type Data = { n: number };

let transport: Transport;
let spy: Spy;
const handled: number[] = [];

beforeEach(() => {
  handled.length = 0;
  transport = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  await transport.close();
  spy.close();
});

function consume(options: Partial<WorkerOptions<Data>> = {}): void {
  const handler = ({ data }: Envelope<Data>) => void handled.push(data.n);
  const worker = startWorker({ transport, address: PING, contract: Ping, handler, ...options });
  onTestFinished(() => worker.close());
}

/** Sends one that was said `agoMs` ago, and had `ttlMs`. */
async function sendOld(agoMs: number, ttlMs: number, id = 'old'): Promise<void> {
  const said = Date.now() - agoMs;
  const body = encode({
    ...wrap(Ping, { n: 1 }, { id }),
    time: new Date(said).toISOString(),
    expirytime: new Date(said + ttlMs).toISOString(),
  });
  await transport.send('ping', [{ id, body, headers: {} }]);
}

describe('the time of a message', () => {
  it('is told in the envelope, by the publisher or else by the contract', async () => {
    const short: Contract<Data> = defineMessage({
      name: 'ping',
      version: 1,
      schema: z.object({ n: z.number() }),
      ttlMs: 5_000,
    });
    const { publish } = createPublisher({ transport });
    await publish(short, { n: 1 });
    await publish(short, { n: 2 }, { ttlMs: 60_000 });
    await publish(Ping, { n: 3 });
    const sent = await transport.receive(PING, { max: 3, waitMs: 0, leaseMs: 1_000 });
    const times = sent.map(({ body }) => readEnvelope(body));
    const given = times.map(
      ({ time, expirytime }) => expirytime && Date.parse(expirytime) - Date.parse(time),
    );
    expect(given).toEqual([5_000, 60_000, undefined]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e300])('is not %d ms', async (ttlMs) => {
    const { publish } = createPublisher({ transport });
    await expect(publish(Ping, { n: 1 }, { ttlMs })).rejects.toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining(`ttlMs is ${ttlMs}: expected 1 to`),
    });
    if (ttlMs !== 1e300) {
      expect(() => defineMessage({ name: 'x', version: 1, schema: z.unknown(), ttlMs })).toThrow(
        `ttlMs of x is ${ttlMs}: expected a whole number from 1`,
      );
    }
  });

  it('is longer than the delay', async () => {
    const { publish } = createPublisher({ transport });
    await expect(publish(Ping, { n: 1 }, { ttlMs: 1_000, delayMs: 1_000 })).rejects.toThrow(
      'the message would expire before anybody could handle it',
    );
  });
});

describe('a message whose time is over', () => {
  it('is dead-lettered, and no handler sees it', async () => {
    await sendOld(60_000, 30_000);
    consume();
    await spy.waitFor('dead_lettered', { id: 'old', code: 'expired' });
    const [letter] = await listDeadLetters(transport, PING);
    expect(letter?.reason).toMatchObject({
      code: 'expired',
      attempts: 0,
      message: expect.stringMatching(/^it was to be handled until \d{4}-.*Z$/),
    });
    expect(handled).toEqual([]);
  });

  it('is gone where its contract says so, and that is told', async () => {
    await sendOld(60_000, 30_000);
    consume({ contract: { ...Ping, onExpiry: 'drop' } });
    await spy.waitFor('expired', { id: 'old', topic: 'ping' });
    await vi.waitFor(async () =>
      expect(await transport.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 }),
    );
    expect([handled, spy.all('dead_lettered')]).toEqual([[], []]);
  });

  it('is handled as long as the clocks may differ', async () => {
    await sendOld(30_500, 30_000);
    consume();
    await vi.waitFor(() => expect(handled).toEqual([1]));
  });

  it('is not tried again: its failures are told', async () => {
    await sendOld(0, 500);
    consume({
      retry: { baseMs: 0 },
      handler: async () => {
        throw new Error('not today');
      },
    });
    await spy.waitFor('retried', { id: 'old', attempt: 1 });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 2_000 });
    onTestFinished(() => void vi.useRealTimers());
    await spy.waitFor('dead_lettered', { id: 'old' });
    const [letter] = await listDeadLetters(transport, PING);
    const { code, attempts = 0, history } = letter?.reason ?? {};
    expect(code).toBe('expired');
    expect(attempts).toBeGreaterThan(0);
    expect(history?.at(-1)).toMatchObject({ error: expect.stringContaining('not today') });
  });

  it('gets its time once more when it is replayed', async () => {
    await sendOld(60_000, 30_000);
    consume();
    await spy.waitFor('dead_lettered', { id: 'old' });
    await replayDeadLetters(transport, PING);
    await vi.waitFor(() => expect(handled).toEqual([1]));
  });

  it('gets it only from a holder of a key, where messages are verified', async () => {
    const signingKeys = fixedSecrets(['a key that is long enough to be a secret']);
    consume({ signingKeys });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 60_000 });
    const { publish } = createPublisher({ transport, signingKeys });
    const publishing = publish(Ping, { n: 4 }, { ttlMs: 10 });
    onTestFinished(() => void vi.useRealTimers());
    vi.useRealTimers();
    const { id } = await publishing;
    await spy.waitFor('dead_lettered', { id, code: 'expired' });
    await replayDeadLetters(transport, PING);
    await vi.waitFor(() => expect(spy.all('dead_lettered')).toHaveLength(2));
    await replayDeadLetters(transport, PING, {}, { signingKeys });
    await vi.waitFor(() => expect(handled).toEqual([4]));
  });
});

describe('what an envelope says of its time', () => {
  const NOW = '2026-11-21T10:00:00.000Z';
  const message = (changes: object): Envelope => Object.assign(wrap(Ping, { n: 1 }, {}), changes);

  it.each([5, null, {}, 'tomorrow', '2026-11-21', '2026-11-21T10:00:00', '2026-13-41T10:00:00Z'])(
    'is no time: %j',
    (expirytime) => {
      expect(() => timely(message({ expirytime }), {}, null)).toThrow(
        new InvalidMessage('malformed', [{ path: 'expirytime', message: 'expected a time as in RFC 3339' }]),
      );
    },
  );

  it('counts from a replay, and does not where that is not verified', () => {
    const given = { time: '2026-01-01T00:00:00Z', expirytime: '2026-01-01T00:01:00Z' };
    const headers = { [REPLAYED]: NOW };
    vi.useFakeTimers({ toFake: ['Date'], now: Date.parse(NOW) + 60_999 });
    onTestFinished(() => void vi.useRealTimers());
    const old = message(given);
    expect(timely(old, headers, null)).toBe(old);
    expect(timely(old, {}, Date.parse(NOW))).toBe(old);
    expect(() => timely(old, headers, undefined)).toThrow(InvalidMessage);
    expect(() => timely(old, {}, null)).toThrow(InvalidMessage);
    vi.setSystemTime(Date.parse(NOW) + 61_001);
    expect(() => timely(old, headers, null)).toThrow('it was to be handled until 2026-11-21T10:01:00.000Z');
  });

  it('of one that does not say when it was said, nobody knows after a replay', () => {
    const old = message({ time: undefined, expirytime: '2026-01-01T00:01:00Z' });
    expect(() => timely(old, {}, null)).toThrow(InvalidMessage);
    expect(timely(old, { [REPLAYED]: NOW }, null)).toBe(old);
  });

  it('may be anything: it is read, or refused', () => {
    const prototype = Reflect.ownKeys(Object.prototype).length;
    const extra = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('time', 'expirytime', '__proto__', 'constructor', 'data')),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(extra, fc.oneof(fc.constant(''), fc.string()), (some, replayed) => {
        const body = JSON.stringify({ ...wrap(Ping, { n: 1 }, {}), ...some });
        try {
          const read = decode(Ping, body);
          if (!(read instanceof Promise)) timely(read, { [REPLAYED]: replayed }, null);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidMessage);
        }
        expect(Reflect.ownKeys(Object.prototype)).toHaveLength(prototype);
      }),
      { numRuns: 500 },
    );
  });
});
