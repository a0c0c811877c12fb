import type { StandardSchemaV1 } from '@standard-schema/spec';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { ordered, PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { defineMessage } from '../message/contract.ts';
import { decode, InvalidMessage } from '../message/envelope.ts';
import { createSpy, type Spy } from '../observe/spy.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import { type Outgoing, type SendOutcome, sizeOf, type Transport } from '../transport/transport.ts';
import { createPublisher } from './publisher.ts';
import { batchEnd } from './sender.ts';

const away = () => new TransportError('Unavailable', 'the carrier is away');
let memory: Transport;
let spy: Spy;

beforeEach(() => {
  memory = createMemoryTransport(topologyOf('ping', 'test'));
  spy = createSpy();
});
afterEach(async () => {
  spy.close();
  await memory.close();
});

/** The memory carrier with small batches, and its sends counted. */
function counted(send: Transport['send'] = memory.send, entries = 10) {
  const batches: (readonly Outgoing[])[] = [];
  const transport = faulty(memory, {
    limits: { ...memory.limits, sendEntries: entries },
    send: async (topic, messages) => {
      batches.push(messages);
      return send(topic, messages);
    },
  });
  return { transport, batches };
}

it.each([0, Number.NaN, 1.5])('a publisher that may hold %s messages is none', (maxUnsent) => {
  expect(() => createPublisher({ transport: memory, maxUnsent })).toThrow(
    new RangeError(`maxUnsent is ${maxUnsent}: expected a whole number from 1`),
  );
});

it('what is said without an id or a source has those of everybody', async () => {
  const publisher = createPublisher({ transport: memory, source: '' });
  const { id } = await publisher.publish(Ping, { n: 1 }, { id: '' });
  const [received] = await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(decode(Ping, received?.body ?? '')).toMatchObject({ id, source: 'hikyaku', data: { n: 1 } });
});

describe('publish on an ordered topic', () => {
  beforeEach(() => {
    memory = createMemoryTransport(ordered(topologyOf('ping', 'test')));
  });

  it('never has two messages of a key under way, and fills batches with other keys', async () => {
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    const keys = ['a', 'a', 'b', undefined, 'a', undefined, 'b'];
    await Promise.all(keys.map((key, n) => publisher.publish(Ping, { n }, { id: `${n}`, key })));
    expect(batches.map((batch) => batch.map(({ id }) => id))).toEqual([
      ['0', '2', '3', '5'],
      ['1', '6'],
      ['4'],
    ]);
  });

  it('holds back the later ones of a key while an earlier one is sent again', async () => {
    let failures = 3;
    const { transport, batches } = counted((topic, messages) =>
      messages.some(({ id }) => id === 'a1') && failures-- > 0
        ? Promise.resolve(messages.map(({ id }) => (id === 'a1' ? { error: away() } : 'accepted')))
        : memory.send(topic, messages),
    );
    const publisher = createPublisher({ transport });
    const ids = ['a1', 'a2', 'b1', 'a3', 'b2'];
    await Promise.all(ids.map((id, n) => publisher.publish(Ping, { n }, { id, key: id.slice(0, 1) })));
    const sent = batches.flat().map(({ id }) => id);
    expect(sent.filter((id) => id.startsWith('a'))).toEqual(['a1', 'a1', 'a1', 'a1', 'a2', 'a3']);
    expect(sent.indexOf('b2')).toBeLessThan(sent.lastIndexOf('a1'));
  });

  it('goes on with a key when one of its messages has been refused for good', async () => {
    const publisher = createPublisher({ transport: memory });
    const outcomes = await publisher.publishMany(Ping, [
      { data: { n: 1 }, key: 'a', delayMs: 1_000 },
      { data: { n: 2 }, key: 'a' },
    ]);
    expect(outcomes).toMatchObject([{ error: { code: 'Unsupported' } }, { status: 'accepted' }]);
  });

  it('fails what waits behind another when it is closed', async () => {
    const { transport } = counted(async (_, messages) => messages.map(() => ({ error: away() })));
    const publisher = createPublisher({ transport });
    const all = Promise.allSettled([1, 2, 3].map((n) => publisher.publish(Ping, { n }, { key: 'a' })));
    await publisher.close({ deadlineMs: 50 });
    for (const outcome of await all) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'Closed' } });
    }
  });
});

describe('publish', () => {
  it('resolves with the id once the carrier has it', async () => {
    const publisher = createPublisher({ transport: memory, source: 'tests' });
    const { id } = await publisher.publish(Ping, { n: 1 }, { key: 'k', subject: 's', correlationId: 'c' });
    const [incoming] = await memory.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    expect(incoming).toMatchObject({ id, key: 'k', headers: {} });
    expect(JSON.parse(incoming?.body ?? '')).toMatchObject({
      id,
      source: 'tests',
      subject: 's',
      correlationid: 'c',
    });
    await spy.waitFor('published', { id });
  });

  it('sends what is issued together as full batches, also when each is awaited', async () => {
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    await Promise.all(Array.from({ length: 25 }, (_, n) => publisher.publish(Ping, { n })));
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5]);
  });

  it('refuses data that does not fit, with the path, and sends nothing', async () => {
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    const wrong: { n: number } = JSON.parse('{"n":"one"}');
    await expect(publisher.publish(Ping, wrong)).rejects.toThrow(InvalidMessage);
    await expect(publisher.publish(Ping, wrong)).rejects.toThrow(/data\.n/);
    expect(batches).toEqual([]);
  });

  it('refuses what is too large, with its size, before anything is sent', async () => {
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    const sent = publisher.publish(Ping, { n: 1, note: 'x'.repeat(memory.limits.messageBytes) });
    await expect(sent).rejects.toMatchObject({
      code: 'TooLarge',
      message: expect.stringMatching(/has 103\d{4} bytes/),
    });
    expect(batches).toEqual([]);
  });

  it('refuses a delay the carrier cannot keep', async () => {
    const publisher = createPublisher({ transport: memory });
    for (const delayMs of [-1, memory.limits.publishDelayMs + 1, Number.NaN]) {
      await expect(publisher.publish(Ping, { n: 1 }, { delayMs })).rejects.toMatchObject({ code: 'Invalid' });
    }
  });

  it('says that a topic has no subscription', async () => {
    const publisher = createPublisher({ transport: createMemoryTransport(topologyOf('other', 'test')) });
    await expect(publisher.publish(Ping, { n: 1 })).rejects.toMatchObject({ code: 'NotFound' });
    expect(spy.all('publish_failed')).toMatchObject([{ code: 'NotFound', topic: 'ping' }]);
  });

  it('sends again under the same id while the carrier is away, and says so once', async () => {
    let failures = 3;
    const { transport, batches } = counted(async (topic, messages) => {
      if (failures-- > 0) throw away();
      return memory.send(topic, messages);
    });
    const publisher = createPublisher({ transport });
    const { id } = await publisher.publish(Ping, { n: 1 });
    expect(batches.map(([message]) => message?.id)).toEqual([id, id, id, id]);
    expect(spy.all('carrier_unavailable')).toHaveLength(1);
    expect(spy.all('carrier_back')).toHaveLength(1);
  });

  it('sends again only what failed, and only the copies that are missing', async () => {
    const outcomes: SendOutcome[][] = [
      ['accepted', { error: away(), missing: ['late'] }, { error: new TransportError('Invalid', 'no') }],
    ];
    const { transport, batches } = counted(
      async (_, messages) => outcomes.shift() ?? messages.map(() => 'accepted'),
    );
    const publisher = createPublisher({ transport });
    const results = await publisher.publishMany(Ping, [
      { data: { n: 1 } },
      { data: { n: 2 } },
      { data: { n: 3 } },
    ]);
    expect(results.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'failed']);
    expect(batches).toHaveLength(2);
    expect(batches[1]).toMatchObject([{ id: results[1]?.id, only: ['late'] }]);
  });

  it('treats a missing outcome as unknown, and sends again', async () => {
    let first = true;
    const { transport, batches } = counted(async (_, messages) => {
      if (!first) return messages.map(() => 'accepted');
      first = false;
      return [];
    });
    await createPublisher({ transport }).publish(Ping, { n: 1 });
    expect(batches).toHaveLength(2);
  });

  it('gives up after its time, with the carrier’s error', async () => {
    const { transport } = counted(async () => {
      throw away();
    });
    const publisher = createPublisher({ transport, giveUpAfterMs: 1 });
    await expect(publisher.publish(Ping, { n: 1 })).rejects.toMatchObject({ code: 'Unavailable' });
  });

  it('refuses more than the bound on what is unsent', async () => {
    const { transport } = counted(() => new Promise(() => {}));
    const publisher = createPublisher({ transport, maxUnsent: 3 });
    void Promise.all([1, 2, 3].map((n) => publisher.publish(Ping, { n }))).catch(() => {});
    await expect(publisher.publish(Ping, { n: 4 })).rejects.toMatchObject({ code: 'Throttled' });
  });
});

describe('publishMany', () => {
  it('answers for each, in order, and keeps a long list within the bound', async () => {
    const { transport, batches } = counted(undefined, 7);
    const publisher = createPublisher({ transport, maxUnsent: 20 });
    const items = Array.from({ length: 95 }, (_, n) => ({ data: { n }, id: `id-${n}` }));
    const wrong: { n: number } = JSON.parse('{}');
    items[50] = { data: wrong, id: 'wrong' };
    const outcomes = await publisher.publishMany(Ping, items);
    expect(outcomes).toHaveLength(95);
    expect(outcomes[50]).toMatchObject({ status: 'failed', error: { reason: 'invalid' } });
    expect(outcomes.filter(({ status }) => status === 'accepted')).toHaveLength(94);
    expect(outcomes[94]).toEqual({ id: 'id-94', status: 'accepted' });
    expect(batches.flat().map(({ id }) => id)).toEqual(
      items.filter((_, index) => index !== 50).map(({ id }) => id),
    );
    expect(Math.max(...batches.map(({ length }) => length))).toBe(7);
  });

  it('keeps several lists at once within the bound together', async () => {
    const { transport, batches } = counted(async (topic, messages) => {
      await new Promise(setImmediate);
      return memory.send(topic, messages);
    });
    const publisher = createPublisher({ transport, maxUnsent: 20 });
    const lists = await Promise.all(
      [30, 25, 40].map((count) =>
        publisher.publishMany(
          Ping,
          Array.from({ length: count }, (_, n) => ({ data: { n } })),
        ),
      ),
    );
    expect(lists.flat().filter(({ status }) => status === 'accepted')).toHaveLength(95);
    expect(batches.flat()).toHaveLength(95);
  });

  it('answers for each also when it is closed meanwhile', async () => {
    const { transport } = counted(() => new Promise(() => {}));
    const publisher = createPublisher({ transport, maxUnsent: 4 });
    const lists = [1, 2].map(() =>
      publisher.publishMany(
        Ping,
        Array.from({ length: 10 }, (_, n) => ({ data: { n } })),
      ),
    );
    await new Promise(setImmediate);
    await publisher.close({ deadlineMs: 10 });
    const outcomes = (await Promise.all(lists)).flat();
    expect(outcomes).toHaveLength(20);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'failed', error: { code: 'Closed' } });
    }
  });

  it('takes an empty list', async () => {
    expect(await createPublisher({ transport: memory }).publishMany(Ping, [])).toEqual([]);
  });
});

describe('closing', () => {
  it('sends what is unsent, then refuses', async () => {
    const publisher = createPublisher({ transport: memory });
    const published = publisher.publish(Ping, { n: 1 });
    await publisher.close();
    await expect(published).resolves.toMatchObject({ id: expect.any(String) });
    await expect(publisher.publish(Ping, { n: 2 })).rejects.toMatchObject({ code: 'Closed' });
  });

  it('fails what the carrier has not taken by the deadline', async () => {
    const { transport } = counted(async () => {
      throw away();
    });
    const publisher = createPublisher({ transport });
    const published = publisher.publish(Ping, { n: 1 });
    published.catch(() => {});
    await vi.waitFor(() => expect(spy.all('carrier_unavailable')).toHaveLength(1));
    await publisher.close({ deadlineMs: 10 });
    await expect(published).rejects.toMatchObject({ code: 'Closed' });
  });

  it('waits without an end where it may, and not for a moment only', async () => {
    const gate = Promise.withResolvers<void>();
    const { transport } = counted(async (topic, messages) => {
      await gate.promise;
      return memory.send(topic, messages);
    });
    const publisher = createPublisher({ transport });
    const published = publisher.publish(Ping, { n: 1 });
    const closed = publisher.close({ deadlineMs: Number.POSITIVE_INFINITY });
    await new Promise((resolve) => setTimeout(resolve, 20));
    gate.resolve();
    await closed;
    await expect(published).resolves.toMatchObject({ id: expect.any(String) });
  });

  it('does not hang on a driver that ignores the signal, and what that says later counts no more', async () => {
    const gate = Promise.withResolvers<void>();
    const { transport } = counted(async (_, messages) => {
      await gate.promise;
      return messages.map(() => 'accepted');
    });
    const publisher = createPublisher({ transport });
    const published = publisher.publish(Ping, { n: 1 }, { id: 'id' });
    published.catch(() => {});
    await new Promise(setImmediate);
    await publisher.close({ deadlineMs: 10 });
    await expect(published).rejects.toMatchObject({ code: 'Closed' });
    gate.resolve();
    await new Promise(setImmediate);
    expect(spy.events).toEqual([{ event: 'publish_failed', topic: 'ping', id: 'id', code: 'Closed' }]);
  });

  /** A contract whose checks take until the gate opens. */
  function slowContract() {
    const gate = Promise.withResolvers<void>();
    const validate = async (value: unknown) => {
      await gate.promise;
      return { value };
    };
    const schema: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'test', validate } };
    return { gate, Slow: defineMessage({ name: 'ping', version: 1, schema }) };
  }

  it('sends what a schema still checks', async () => {
    const { gate, Slow } = slowContract();
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    const published = publisher.publish(Slow, 1);
    const many = publisher.publishMany(Slow, [{ data: 2 }, { data: 3 }]);
    await new Promise(setImmediate);
    const closed = publisher.close();
    setTimeout(gate.resolve, 20);
    await closed;
    await expect(published).resolves.toMatchObject({ id: expect.any(String) });
    expect(await many).toMatchObject([{ status: 'accepted' }, { error: { code: 'Closed' } }]);
    expect(batches.flat()).toHaveLength(2);
  });

  it('sends nothing after its deadline that a schema has checked until then', async () => {
    const { gate, Slow } = slowContract();
    const { transport, batches } = counted();
    const publisher = createPublisher({ transport });
    const published = publisher.publish(Slow, 1);
    published.catch(() => {});
    await publisher.close({ deadlineMs: 10 });
    gate.resolve();
    await expect(published).rejects.toMatchObject({ code: 'Closed' });
    expect(batches).toEqual([]);
  });
});

describe('batches', () => {
  it('are as large as count and bytes allow, and lose nothing', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: fc.constantFrom('a', 'é', '飛', '👍'), maxLength: 120 })),
        fc.integer({ min: 1, max: 12 }),
        (bodies, sendEntries) => {
          const queue = bodies.map((body) => ({ message: { id: 'id', body, headers: {} } }));
          const limits = { sendEntries, sendBytes: 400 };
          const sizes: number[] = [];
          for (let start = 0; start < queue.length; ) {
            const end = batchEnd(queue, start, limits);
            expect(end).toBeGreaterThan(start);
            const batch = queue.slice(start, end);
            const bytes = batch.reduce((sum, { message }) => sum + sizeOf(message), 0);
            expect(batch.length).toBeLessThanOrEqual(sendEntries);
            expect(bytes <= limits.sendBytes || batch.length === 1).toBe(true);
            // Full: the next one would not have fitted.
            const next = queue[end];
            if (next !== undefined)
              expect(batch.length === sendEntries || bytes + sizeOf(next.message) > 400).toBe(true);
            sizes.push(batch.length);
            start = end;
          }
          expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(queue.length);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
