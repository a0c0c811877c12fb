import { describe, expect, it, onTestFinished } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { ordered, PING, Ping, topologyOf } from '../../test/support/ping.ts';
import { refusingOneDeadLetter } from '../../test/support/refusing.ts';
import { encode, wrap } from '../message/envelope.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Incoming, Transport } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import { type Handler, Postpone, Reject } from './handler.ts';
import { createProcessor, type Ended } from './processor.ts';
import { startWorker } from './worker.ts';

type Data = { n: number; note?: string | undefined };

/** `a1` is the first of the key a; `-1` has no key. */
function delivery(name: string, changes: Partial<Incoming> = {}): Incoming {
  const key = name.slice(0, 1);
  return {
    id: name,
    body: encode(wrap(Ping, { n: Number(name.slice(1)), note: name }, { id: name })),
    headers: {},
    ...(key !== '-' && { key }),
    deliveries: 1,
    enqueuedAt: 0,
    leaseUntil: performance.now() + 30_000,
    receipt: {},
    ...changes,
  };
}

const batchOf = (...names: string[]): Incoming[] => names.map((name) => delivery(name));

function processor(
  handler: Handler<Data>,
  options: {
    handlerTimeoutMs?: number;
    extend?: ExtendLeases;
    extendByMs?: number;
    maxDeliveries?: number;
    countsPostponed?: boolean;
  } = {},
) {
  return createProcessor<Data>({
    address: PING,
    contract: Ping,
    handler,
    retry: { maxAttempts: 3, baseMs: 1_000, maxMs: 60_000 },
    handlerTimeoutMs: 5_000,
    limits: { retryDelayMs: 100_000, postponeDelayMs: 50_000 },
    extend: async (all) => all.map(() => 'settled'),
    ordered: true,
    ...options,
  });
}

const endings = (ended: readonly Ended[]) =>
  Object.fromEntries(ended.map(({ id, action }) => [id, action] as const));

describe('on an ordered topic', () => {
  it('handles a key one by one, and different keys at once', async () => {
    const trace: string[] = [];
    const gate = Promise.withResolvers<void>();
    const handling = processor(async ({ data: { note = '' } }) => {
      trace.push(`begin ${note}`);
      if (note === 'a1') await gate.promise;
      await new Promise(setImmediate);
      trace.push(`end ${note}`);
      if (note === 'b2') gate.resolve();
    }).process(batchOf('a1', 'b1', 'a2', '-1', 'b2', 'a3'));
    const ended = await handling;
    expect(ended.map(({ id }) => id)).toEqual(['a1', 'b1', 'a2', '-1', 'b2', 'a3']);
    expect(trace.filter((line) => /a\d/.test(line))).toEqual([
      'begin a1',
      'end a1',
      'begin a2',
      'end a2',
      'begin a3',
      'end a3',
    ]);
    expect(trace.indexOf('end b2')).toBeLessThan(trace.indexOf('end a1'));
    expect(trace.indexOf('end -1')).toBeLessThan(trace.indexOf('end a1'));
  });

  it('sends back the rest of a key untried after one that is postponed; other keys go on', async () => {
    const begun: string[] = [];
    const ended = await processor(({ data: { note = '' } }) => {
      begun.push(note);
      if (note === 'a1') throw new Postpone(7_000);
    }).process(batchOf('a1', 'a2', 'b1', 'a3'));
    expect(endings(ended)).toEqual({ a1: 'postpone', a2: 'release', b1: 'ack', a3: 'release' });
    expect(begun).toEqual(['a1', 'b1']);
  });

  it.each(['a1', '-1'])('counts what it has postponed as no attempt, of %s', async (note) => {
    const attempts: number[] = [];
    let postpones = true;
    const core = processor(
      (_, { attempt }) => {
        attempts.push(attempt);
        if (postpones) throw new Postpone(1);
        throw new Error('no');
      },
      { countsPostponed: true, maxDeliveries: 75 },
    );
    const counted: Ended['action'][] = [];
    const deliver = async (deliveries: number): Promise<void> => {
      const [ended] = await core.process([delivery(note, { deliveries })]);
      if (ended !== undefined) counted.push(ended.action);
    };
    for (let deliveries = 1; deliveries <= 20; deliveries++) await deliver(deliveries);
    postpones = false;
    for (const deliveries of [21, 22, 23]) await deliver(deliveries);
    expect(attempts).toEqual([...Array.from({ length: 20 }, () => 1), 1, 2, 3]);
    expect(counted.slice(-4)).toEqual(['postpone', 'retry', 'retry', 'deadLetter']);
    // One that comes by itself as well.
    postpones = true;
    const ends: Ended['action'][] = [];
    core.begin(delivery(`${note}0`, { deliveries: 1 }), { end: ({ action }) => void ends.push(action) });
    postpones = false;
    core.begin(delivery(`${note}0`, { deliveries: 2 }), { end: ({ action }) => void ends.push(action) });
    expect(attempts.slice(-2)).toEqual([1, 1]);
    expect(ends).toEqual(['postpone', 'retry']);
  });

  it('sends back the rest of a key untried after a failure; other keys go on', async () => {
    const handled: string[] = [];
    const ended = await processor(({ data: { note = '' } }) => {
      handled.push(note);
      if (note === 'a2') throw new Error('not now');
    }).process(batchOf('a1', 'a2', 'a3', 'b1', 'a4', 'b2', '-1'));
    expect(handled.toSorted()).toEqual(['-1', 'a1', 'a2', 'b1', 'b2']);
    expect(endings(ended)).toEqual({
      a1: 'ack',
      a2: 'retry',
      a3: 'release',
      a4: 'release',
      b1: 'ack',
      b2: 'ack',
      '-1': 'ack',
    });
  });

  it('goes on with a key after a message that is given up', async () => {
    const ended = await processor(({ data: { note } }) => {
      if (note === 'a1') throw new Reject('never');
    }).process([...batchOf('a1'), { ...delivery('a2'), body: 'poison' }, ...batchOf('a3')]);
    expect(endings(ended)).toEqual({ a1: 'deadLetter', a2: 'deadLetter', a3: 'ack' });
  });

  it('isolates what may have killed its process with all of its key, and still in order', async () => {
    const one = processor(({ data: { note } }) => {
      if (note === 'a2') throw new Error('not now');
    });
    const received = [
      delivery('a1'),
      delivery('b1'),
      delivery('a2', { deliveries: 4 }),
      delivery('-1', { deliveries: 4 }),
      delivery('a3'),
    ];
    const batches = one.isolate(received);
    const [together, ...alone] = batches.map((batch) => batch.map(({ id }) => id));
    expect(together).toEqual(['b1']);
    // Which key is first is drawn.
    const drawn = [['-1'], ['a1'], ['a2'], ['a3']];
    expect([drawn, [...drawn.slice(1), ['-1']]]).toContainEqual(alone);
    expect(one.isolate(batchOf('a1', 'a2'))).toHaveLength(1);
    const sentBack = new Set<string>();
    const handled = await processor(({ data: { note } }) => {
      if (note === 'a1') throw new Error('not now');
    }).process(batchOf('a1'), { sentBack });
    expect(endings(handled)).toEqual({ a1: 'retry' });
    expect(endings(await one.process(batchOf('a3', 'b2'), { sentBack }))).toEqual({
      a3: 'release',
      b2: 'ack',
    });
  });

  it('counts no attempt for a delivery that it gave back, whether the carrier counts it or not', async () => {
    for (const counts of [true, false]) {
      const attempts: number[] = [];
      const one = processor(({ data: { note } }, { attempt }) => {
        if (note === 'a2') attempts.push(attempt);
        if (note === 'a1' || attempts.length < 3) throw new Error('not now');
      });
      for (const deliveries of [1, 2]) {
        const ended = await one.process([
          delivery('a1', { deliveries }),
          delivery('a2', { deliveries: counts ? deliveries : 1 }),
        ]);
        expect(endings(ended)).toEqual({ a1: 'retry', a2: 'release' });
      }
      for (const attempt of [1, 2, 3]) {
        const last = delivery('a2', { deliveries: attempt + (counts ? 2 : 0) });
        expect(one.isolate([last])).toEqual([[last]]);
        const ended = await one.process([last]);
        expect(endings(ended)).toEqual({ a2: attempt < 3 ? 'retry' : 'ack' });
      }
      expect(attempts).toEqual([1, 2, 3]);
    }
  });

  it('has who may have killed too many processes make way for those behind it, before the carrier gives up them all', async () => {
    const tried: string[] = [];
    const one = processor(({ data: { note = '' } }) => void tried.push(note), { maxDeliveries: 20 });
    const all = (deliveries: number, ...names: string[]) =>
      names.map((name) => delivery(name, { deliveries }));
    async function ends(received: readonly Incoming[]) {
      const ended: Ended[] = [];
      for (const batch of one.isolate(received)) {
        // As they are after their leases were extended.
        ended.push(...(await one.process(batch.map((delivery) => ({ ...delivery })))));
      }
      return endings(ended);
    }
    expect(await ends(all(17, 'a1', 'a2'))).toEqual({ a1: 'ack', a2: 'ack' });
    expect(await ends(all(18, 'a1', 'a2', 'a3'))).toEqual({ a1: 'deadLetter', a2: 'ack', a3: 'ack' });
    // Where nobody is behind it, it has all the chances that there are.
    expect(await ends(all(20, 'a1', 'b1', '-1'))).toEqual({ a1: 'ack', b1: 'ack', '-1': 'ack' });
    expect(tried.toSorted()).toEqual(['-1', 'a1', 'a1', 'a2', 'a2', 'a3', 'b1']);
  });

  it('begins with another of a key only while its handler can have its full time', async () => {
    const handled: string[] = [];
    const ended = await processor(
      async ({ data: { note = '' } }) => {
        handled.push(note);
        await new Promise((resolve) => setTimeout(resolve, 60));
      },
      { handlerTimeoutMs: 100 },
    ).process(batchOf('a1', 'a2', 'a3', 'b1'), { leftMs: 200 });
    expect(endings(ended)).toEqual({ a1: 'ack', a2: 'ack', a3: 'release', b1: 'ack' });
    expect(handled.toSorted()).toEqual(['a1', 'a2', 'b1']);
  });

  it('keeps the leases of those whose turn has not come', async () => {
    const extended: string[] = [];
    const leaseUntil = performance.now() + 40;
    const one = processor(async () => void (await new Promise((resolve) => setTimeout(resolve, 100))), {
      extendByMs: 40,
      extend: async (all) => {
        extended.push(...all.map(({ id }) => id));
        return all.map(() => 'settled');
      },
    });
    const ended = await one.process([delivery('a1', { leaseUntil }), delivery('a2', { leaseUntil })]);
    expect(endings(ended)).toEqual({ a1: 'ack', a2: 'ack' });
    expect(extended.filter((id) => id === 'a2').length).toBeGreaterThan(2);
  });

  it('leaves alone what it lost while it waited, and those after it', async () => {
    const handled: string[] = [];
    const ended = await processor(async ({ data: { note = '' } }) => {
      handled.push(note);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }).process([delivery('a1'), delivery('a2', { leaseUntil: performance.now() + 10 }), delivery('a3')]);
    expect(endings(ended)).toEqual({ a1: 'ack', a2: 'release', a3: 'release' });
    expect(handled).toEqual(['a1']);
  });

  it('leaves alone what is so near the end of its lease that it may be over', async () => {
    const ended = await processor(() => undefined, { extendByMs: 1_000 }).process([
      delivery('a1'),
      delivery('a2', { leaseUntil: performance.now() + 40 }),
    ]);
    expect(endings(ended)).toEqual({ a1: 'ack', a2: 'release' });
  });
});

describe('the turns of a key', () => {
  it('are told as they end, and end where one could not be settled', async () => {
    const trace: string[] = [];
    const stored = Promise.withResolvers<boolean>();
    const handling = processor(({ data: { note = '' } }) => {
      trace.push(`begin ${note}`);
      if (note === 'a2') throw new Reject('never');
    }).process(batchOf('a1', 'a2', 'a3', 'b1'), {
      onEnded({ id, action }) {
        trace.push(`${action} ${id}`);
        return id === 'a2' ? stored.promise : true;
      },
    });
    await new Promise(setImmediate);
    expect(trace.filter((line) => /a\d/.test(line))).toEqual([
      'begin a1',
      'ack a1',
      'begin a2',
      'deadLetter a2',
    ]);
    stored.resolve(false);
    expect(endings(await handling)).toEqual({ a1: 'ack', a2: 'deadLetter', a3: 'release', b1: 'ack' });
    expect(trace.at(-1)).toBe('release a3');
  });

  it('begin no more once they are cut short', async () => {
    const handled: string[] = [];
    const settled = Promise.withResolvers<boolean>();
    const one = processor(({ data: { note = '' } }) => void handled.push(note));
    const handling = one.process(batchOf('a1', 'a2'), { onEnded: () => settled.promise });
    await new Promise(setImmediate);
    one.cutShort(new Error('closing'));
    settled.resolve(true);
    expect(endings(await handling)).toEqual({ a1: 'ack', a2: 'release' });
    expect(handled).toEqual(['a1']);
  });
});

describe('a worker on an ordered topic of the memory carrier', () => {
  /** A transport on which these have been published, and a worker on it. */
  async function work(names: readonly string[], handler: Handler<Data>, faults: Partial<Transport> = {}) {
    const memory = createMemoryTransport(ordered(topologyOf('ping', 'test')));
    for (const name of names) {
      const { id, body, key = '' } = delivery(name);
      await memory.send('ping', [{ id, body, headers: {}, key }]);
    }
    const transport = faulty(memory, faults);
    const worker = startWorker({ transport, address: PING, contract: Ping, handler, leaseMs: 200 });
    onTestFinished(async () => {
      await worker.close({ deadlineMs: 0 });
      await memory.close();
    });
    return memory;
  }

  it('settles a key as it goes, and keeps the leases of those that wait', async () => {
    const gate = Promise.withResolvers<void>();
    const memory = await work(['a1', 'a2', 'a3'], async ({ data: { n } }) => {
      if (n === 2) await gate.promise;
    });
    const inFlight = async () => (await memory.depth(PING)).inFlight;
    await expect.poll(inFlight).toBe(2);
    const begun = performance.now();
    await expect.poll(() => performance.now() - begun).toBeGreaterThan(300);
    expect(await memory.depth(PING)).toMatchObject({ ready: 0, inFlight: 2 });
    gate.resolve();
    await expect.poll(inFlight).toBe(0);
  });

  it('begins with no other of a key once it closes', async () => {
    const gate = Promise.withResolvers<void>();
    const handled: string[] = [];
    const memory = createMemoryTransport(ordered(topologyOf('ping', 'test')));
    for (const name of ['a1', 'a2', 'a3']) {
      const { id, body, key = '' } = delivery(name);
      await memory.send('ping', [{ id, body, headers: {}, key }]);
    }
    const worker = startWorker({
      transport: memory,
      address: PING,
      contract: Ping,
      async handler({ data: { note = '' } }) {
        handled.push(note);
        await gate.promise;
      },
    });
    await expect.poll(() => handled).toEqual(['a1']);
    const closed = worker.close();
    gate.resolve();
    await closed;
    expect(handled).toEqual(['a1']);
    expect(await memory.depth(PING)).toMatchObject({ ready: 2, inFlight: 0 });
    await memory.close();
  });

  it('handles nothing of a key before the dead letter before it is stored', async () => {
    const handled: string[] = [];
    const memory: Transport = await work(
      ['a1', 'a2', 'b1', 'a3'],
      ({ data: { note = '' } }) => {
        handled.push(note);
        if (note === 'a1') throw new Reject('never');
      },
      { settle: refusingOneDeadLetter(() => memory) },
    );
    await expect.poll(() => memory.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 1 });
    expect(handled.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a1', 'a2', 'a3']);
  });
});

it('a worker on an ordered topic of the memory carrier keeps every key in order through failures', async () => {
  const transport = createMemoryTransport(ordered(topologyOf('ping', 'test')));
  const names = Array.from({ length: 60 }, (_, n) => `${'abc'[n % 3]}${Math.floor(n / 3)}`);
  for (const name of names) {
    const { id, body, key = '' } = delivery(name);
    expect(await transport.send('ping', [{ id, body, headers: {}, key }])).toEqual(['accepted']);
  }
  const done: string[] = [];
  const failed = new Set<string>();
  const worker = startWorker({
    transport,
    address: PING,
    contract: Ping,
    retry: { baseMs: 5, maxMs: 5 },
    handler: async ({ data: { n, note = '' } }) => {
      await new Promise(setImmediate);
      if (n % 4 === 0 && !failed.has(note)) {
        failed.add(note);
        throw new Error('not now');
      }
      done.push(note);
    },
  });
  await expect.poll(() => done.length, { timeout: 5_000 }).toBe(60);
  await worker.close({ deadlineMs: 0 });
  for (const key of 'abc') {
    expect(done.filter((name) => name.startsWith(key))).toEqual(names.filter((name) => name.startsWith(key)));
  }
  await transport.close();
});
