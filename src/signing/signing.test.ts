import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { createBroadcaster } from '../broadcast/broadcaster.ts';
import { type Handler, Postpone } from '../consume/handler.ts';
import { startWorker, type WorkerOptions } from '../consume/worker.ts';
import { encode, InvalidMessage, wrap } from '../message/envelope.ts';
import { REPLAYED } from '../message/replayed.ts';
import { keyOf, SIGNATURE, sign } from '../message/signature.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { listDeadLetters, replayDeadLetters } from '../operate/dead-letters.ts';
import { createPublisher, type PublisherOptions } from '../publish/publisher.ts';
import { fetchedSecrets, fixedSecrets, type Secrets, SecretUnavailable } from '../secrets/secrets.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Outgoing, Transport } from '../transport/transport.ts';
import { signLater, verifyLater } from './later.ts';
import { signingKeysFrom } from './signing-keys.ts';
import { createVerifier } from './verifier.ts';

const OLD = 'the key of last year, which is long enough';
const NEW = 'the key of this year, which is long enough';
const FOREIGN = 'the key of somebody else, who is not known';

let transport: Transport;
let spy: Spy;
const handled: number[] = [];
const handler: Handler<{ n: number }> = ({ data }) => void handled.push(data.n);

beforeEach(() => {
  handled.length = 0;
  transport = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  vi.useRealTimers();
  await transport.close();
  spy.close();
});

function consume(options: Partial<WorkerOptions<{ n: number }>>): void {
  const worker = startWorker({ transport, address: PING, contract: Ping, handler, ...options });
  onTestFinished(() => worker.close());
}

const publisher = (options: Omit<PublisherOptions, 'transport'>) =>
  createPublisher({ transport, ...options });

/** A message as somebody else would send it. */
async function forge(change: Partial<Outgoing>, key = OLD): Promise<string> {
  const id = change.id ?? 'forged';
  const body = encode(wrap(Ping, { n: 666 }, { id }));
  const headers = { [SIGNATURE]: sign(keyOf(key), 'ping', { id, body }) };
  await transport.send('ping', [{ id, body, headers, ...change }]);
  return id;
}

async function refusal(id: string): Promise<string> {
  await spy.waitFor('dead_lettered', { id, code: 'signature' });
  const [letter] = await listDeadLetters(transport, PING, { ids: [id] });
  if (letter === undefined) throw new Error(`no dead letter ${id}`);
  expect(letter.reason.attempts).toBe(0);
  return letter.reason.message;
}

describe('signed messages', () => {
  it('are handled, whether signed with the current key or the one before', async () => {
    consume({ signingKeys: fixedSecrets([NEW, OLD]) });
    await publisher({ signingKeys: fixedSecrets([OLD]) }).publish(Ping, { n: 1 });
    await publisher({ signingKeys: fixedSecrets([NEW, OLD]) }).publish(Ping, { n: 2 });
    await vi.waitFor(() => expect(handled).toEqual([1, 2]));
  });

  it('are signed with the newest key, in the order they were issued', async () => {
    const sent: Outgoing[] = [];
    const { send } = transport;
    transport = {
      ...transport,
      send(topic, messages) {
        sent.push(...messages);
        return send(topic, messages);
      },
    };
    const { publish, publishMany } = publisher({ signingKeys: fixedSecrets([NEW, OLD]) });
    await Promise.all([1, 2, 3].map((n) => publish(Ping, { n }, { id: `p-${n}`, key: 'k' })));
    await publishMany(Ping, [{ data: { n: 4 }, id: 'p-4' }]);
    expect(sent.map(({ id }) => id)).toEqual(['p-1', 'p-2', 'p-3', 'p-4']);
    const [first] = sent;
    if (first === undefined) throw new Error('nothing was sent');
    expect(first).toMatchObject({ key: 'k', headers: { [SIGNATURE]: sign(keyOf(NEW), 'ping', first) } });
  });

  it('keep their order while the first of them waits for the keys', async () => {
    const sign = signLater(fixedSecrets([NEW]));
    if (sign === undefined) throw new Error('there are keys');
    const done: string[] = [];
    let asked = 0;
    // One for each turn of the microtasks, until they are signed at once.
    for (let atOnce = false; !atOnce; asked++) {
      const made = sign('ping', { id: `${asked}`, body: '', headers: {} });
      atOnce = !(made instanceof Promise);
      if (made instanceof Promise) void made.then(({ id }) => done.push(id));
      else done.push(made.id);
      await (asked % 1_000 === 999 ? new Promise(setImmediate) : undefined);
    }
    expect(asked).toBeGreaterThan(1_000);
    expect(done).toEqual(Array.from({ length: asked }, (_, n) => `${n}`));
  });

  it('keep their order, signed and verified, while keys are fetched', async () => {
    const fetched = Promise.withResolvers<readonly string[]>();
    let asked = 0;
    const keys: Secrets = {
      ...fixedSecrets([]),
      current() {
        asked++;
        return fetched.promise;
      },
    };
    const signed = {
      id: 'x',
      body: '',
      headers: { [SIGNATURE]: sign(keyOf(NEW), 'ping', { id: 'x', body: '' }) },
    };
    const signs = signLater(keys);
    const verifies = verifyLater({ topic: 'ping', keys });
    const done: string[] = [];
    for (const [round, name] of ['first', 'second'].entries()) {
      void Promise.resolve(signs?.('ping', signed)).then(() => done.push(`${name} signed`));
      void Promise.resolve(verifies?.(signed)).then(() => done.push(`${name} verified`));
      // Both are loaded, and have asked.
      await vi.waitFor(() => expect(asked).toBe(2), 10_000);
      if (round === 0) await new Promise(setImmediate);
    }
    fetched.resolve([NEW]);
    await vi.waitFor(() => expect(done).toHaveLength(4));
    const of = (what: string) => done.filter((one) => one.endsWith(what));
    expect(of('signed')).toEqual(['first signed', 'second signed']);
    expect(of('verified')).toEqual(['first verified', 'second verified']);
  });

  it('are not signed with a key from before, when the one that follows it is none', async () => {
    let texts = [OLD];
    const { publish } = publisher({ signingKeys: { ...fixedSecrets([]), current: async () => texts } });
    await publish(Ping, { n: 1 });
    await new Promise(setImmediate);
    texts = ['short'];
    vi.spyOn(performance, 'now').mockImplementation(() => Date.now() + 10_000);
    onTestFinished(() => void vi.restoreAllMocks());
    for (let n = 0; n < 3; n++) {
      await expect(publish(Ping, { n: 2 })).rejects.toMatchObject({ code: 'Invalid' });
      await new Promise(setImmediate);
    }
  });

  it('pass consumers that have no keys', async () => {
    consume({});
    await publisher({ signingKeys: fixedSecrets([NEW]) }).publish(Ping, { n: 1 });
    await vi.waitFor(() => expect(handled).toEqual([1]));
  });

  it('fit the carrier with their signature', async () => {
    const { limits } = transport;
    const note = 'x'.repeat(limits.messageBytes);
    const publish = (length: number) =>
      publisher({ signingKeys: fixedSecrets([NEW]) }).publish(Ping, { n: 1, note: note.slice(0, length) });
    const problem: unknown = await publish(limits.messageBytes).catch((error: unknown) => error);
    expect(problem).toMatchObject({ code: 'TooLarge' });
    const [, bytes] = /has (\d+) bytes: at most \d+/.exec(String(problem)) ?? [];
    const longest = limits.messageBytes - 79 - (Number(bytes) - limits.messageBytes);
    await publish(longest);
    await expect(publish(longest + 1)).rejects.toMatchObject({ code: 'TooLarge' });
  });

  it('are not sent while the key cannot be had, or is none', async () => {
    const away: Secrets = {
      current: () => Promise.reject(new SecretUnavailable('the vault is closed')),
      renewed: async () => undefined,
    };
    await expect(publisher({ signingKeys: away }).publish(Ping, { n: 1 })).rejects.toMatchObject({
      code: 'Unavailable',
      message: 'the vault is closed',
    });
    await expect(
      publisher({ signingKeys: fixedSecrets(['short']) }).publish(Ping, { n: 1 }),
    ).rejects.toMatchObject({ code: 'Invalid', message: expect.not.stringContaining('short') });
    await expect(publisher({ signingKeys: fixedSecrets([]) }).publish(Ping, { n: 1 })).rejects.toMatchObject({
      code: 'Invalid',
    });
    expect(await transport.depth(PING)).toMatchObject({ ready: 0 });
  });
});

describe('messages that are not signed as they should be', () => {
  it.each<[string, Partial<Outgoing>, string]>([
    ['unsigned', { headers: {} }, 'it is not signed: expected the header "signature"'],
    ['unreadable', { headers: { [SIGNATURE]: 'v0.x' } }, 'its signature cannot be read'],
    ['another body', { body: '{}' }, `its signature by key ${keyOf(OLD).id} does not match`],
  ])('%s: are never handled, and stand there with their bytes', async (_, change, expected) => {
    consume({ signingKeys: fixedSecrets([NEW, OLD]) });
    const id = await forge(change);
    expect(await refusal(id)).toContain(expected);
    const [letter] = await listDeadLetters(transport, PING, { ids: [id] });
    if (change.body !== undefined) expect(letter?.body).toBe(change.body);
    expect(handled).toEqual([]);
  });

  it('by a key that nobody knows, or from another topic, are refused', async () => {
    consume({ signingKeys: fixedSecrets([NEW, OLD]) });
    await forge({ id: 'foreign' }, FOREIGN);
    expect(await refusal('foreign')).toBe(
      `it is signed by key ${keyOf(FOREIGN).id}, which is not known here`,
    );
    const body = encode(wrap(Ping, { n: 1 }, {}));
    const signature = sign(keyOf(OLD), 'pong', { id: 'moved', body });
    await forge({ id: 'moved', body, headers: { [SIGNATURE]: signature } });
    expect(await refusal('moved')).toContain('does not match');
    expect(JSON.stringify(spy.events)).not.toContain(OLD);
  });
});

describe('keys that are rotated', () => {
  it('are asked for once, when a key is not known', async () => {
    let texts = [OLD];
    const fetch = vi.fn(async () => texts);
    let time = 0;
    const verify = createVerifier({ topic: 'ping', keys: fetchedSecrets(fetch, () => time) });
    const body = encode(wrap(Ping, { n: 1 }, {}));
    const signed = (key: string) => ({
      id: 'm',
      body,
      headers: { [SIGNATURE]: sign(keyOf(key), 'ping', { id: 'm', body }) },
    });
    await verify(signed(OLD));
    texts = [NEW, OLD];
    time = 61_000;
    expect(await verify(signed(NEW))).toBeUndefined();
    expect(fetch).toHaveBeenCalledTimes(2);
    // Forged: nothing is fetched within a minute, and it is refused.
    await expect((async () => verify(signed(FOREIGN)))()).rejects.toBeInstanceOf(InvalidMessage);
    expect(fetch).toHaveBeenCalledTimes(2);
    // But one that was sent since may be signed with a newer key than any that is known.
    const since = { ...signed(FOREIGN), enqueuedAt: 62_000, deliveries: 1 };
    const later: unknown = await (async () => verify(since))().catch((error: unknown) => error);
    expect(later).toBeInstanceOf(Postpone);
    expect(later).toMatchObject({ delayMs: 60_000, maxAgeMs: Number.POSITIVE_INFINITY });
    time = 125_000;
    await expect((async () => verify(since))()).rejects.toBeInstanceOf(InvalidMessage);
    expect(fetch).toHaveBeenCalledTimes(3);
  });

  it('that cannot be had keep the message, untried, until they are there', async () => {
    let away = true;
    const keys = fetchedSecrets(async () => {
      if (away) throw new SecretUnavailable('the vault is closed');
      return [OLD];
    });
    consume({ signingKeys: keys, retry: { maxAttempts: 1 } });
    vi.spyOn(Math, 'random').mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    await forge({ id: 'kept' });
    const { error } = await spy.waitFor('postponed', { id: 'kept' });
    expect(error).toContain('it cannot be verified now: the vault is closed');
    await vi.waitFor(() => expect(spy.all('postponed').length).toBeGreaterThan(3));
    away = false;
    await vi.waitFor(() => expect(handled).toEqual([666]));
    expect(spy.all('retried')).toEqual([]);
    expect(spy.all('dead_lettered')).toEqual([]);
  });

  it('are read from a file again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-keys-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'keys');
    const keys = signingKeysFrom({ HIKYAKU_SIGNING_KEY_FILE: file });
    await expect(keys?.current()).rejects.toThrow(
      new SecretUnavailable(`HIKYAKU_SIGNING_KEY_FILE names ${file}, which cannot be read: ENOENT`),
    );
    writeFileSync(file, ' \n');
    await expect(keys?.current()).rejects.toThrow(SecretUnavailable);
    writeFileSync(file, `${NEW.replaceAll(' ', '-')}\n${OLD.replaceAll(' ', '-')}\n`);
    expect(await keys?.current()).toEqual([NEW.replaceAll(' ', '-'), OLD.replaceAll(' ', '-')]);
    expect(signingKeysFrom({})).toBeUndefined();
  });
});

describe('a replay', () => {
  const signingKeys = fixedSecrets([OLD]);

  it('out of the dead-letter queue is still signed', async () => {
    const broken = vi.fn<Handler<{ n: number }>>(handler).mockImplementationOnce(() => {
      throw new Error('not today');
    });
    consume({ signingKeys, handler: broken, retry: { maxAttempts: 1 } });
    const { id } = await publisher({ signingKeys }).publish(Ping, { n: 7 });
    await spy.waitFor('dead_lettered', { id, code: 'exhausted' });
    await replayDeadLetters(transport, PING);
    await vi.waitFor(() => expect(handled).toEqual([7]));
  });

  it('makes a message young again only where a holder of a key says so', async () => {
    consume({ signingKeys, maxAgeMs: 60_000 });
    const id = 'old';
    const body = encode({ ...wrap(Ping, { n: 8 }, { id }), time: '2026-01-01T00:00:00.000Z' });
    await forge({ id, body, headers: { [SIGNATURE]: sign(keyOf(OLD), 'ping', { id, body }) } });
    expect(await refusal(id)).toContain(
      'it says to be of 2026-01-01T00:00:00.000Z, and is taken for 60000 ms',
    );
    // Whoever copies a message can write headers too.
    await replayDeadLetters(transport, PING);
    await vi.waitFor(() => expect(spy.all('dead_lettered')).toHaveLength(2));
    await replayDeadLetters(transport, PING, {}, { signingKeys: fixedSecrets([FOREIGN]) });
    await vi.waitFor(() => expect(spy.all('dead_lettered')).toHaveLength(3));
    expect(handled).toEqual([]);
    await replayDeadLetters(transport, PING, {}, { signingKeys });
    await vi.waitFor(() => expect(handled).toEqual([8]));
  });

  it('that was signed long ago is too old as well', async () => {
    const verify = createVerifier({ topic: 'ping', keys: signingKeys, maxAgeMs: 60_000 });
    const letters = await (async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.parse('2026-01-01T00:00:00Z') });
      await forge({ id: 'r' });
      const [delivery] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
      if (delivery === undefined) throw new Error('nothing came');
      await transport.settle(PING, [{ receipt: delivery.receipt, action: 'deadLetter', headers: {} }]);
      await replayDeadLetters(transport, PING, {}, { signingKeys });
      return transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    })();
    const [replayed] = letters;
    if (replayed === undefined) throw new Error('nothing came back');
    expect(replayed.headers[REPLAYED]).toMatch(/^2026-01-01T00:00:00.000Z v1\./);
    expect(await verify(replayed)).toBe(Date.parse('2026-01-01T00:00:00Z'));
    vi.setSystemTime(Date.parse('2026-01-01T00:01:01Z'));
    await expect((async () => verify(replayed))()).rejects.toBeInstanceOf(InvalidMessage);
  });
});

describe('signed notices', () => {
  it('are heard, and others are not', async () => {
    const heard: number[] = [];
    const signed = createBroadcaster({ transport, signingKeys: fixedSecrets([NEW]) });
    const unsigned = createBroadcaster({ transport });
    await signed.listen(Ping, ({ data }) => void heard.push(data.n));
    await unsigned.notify(Ping, { n: 1 });
    await signed.notify(Ping, { n: 2 });
    await vi.waitFor(() => expect(heard).toEqual([2]));
    expect(spy.all('notice_unreadable')).toMatchObject([{ code: 'signature' }]);
    await signed.close();
  });
});
