import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import * as z from 'zod/mini';
import { faulty } from '../../test/support/faulty.ts';
import { Ping, topologyOf } from '../../test/support/ping.ts';
import type { Handler } from '../consume/handler.ts';
import { defineMessage } from '../message/contract.ts';
import { encode, InvalidMessage, wrap } from '../message/envelope.ts';
import { createSpy } from '../observe/spy.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Broadcast, Notice, Told, Transport } from '../transport/transport.ts';
import { createBroadcaster } from './broadcaster.ts';
import type { NoticeHandler } from './listener.ts';

const transports: Transport[] = [];
afterEach(async () => {
  await Promise.all(transports.splice(0).map((transport) => transport.close()));
});

/** A broadcaster in memory, with parts of what carries it replaced. */
function given(replaced: Partial<Broadcast> = {}) {
  const memory = createMemoryTransport(topologyOf('ping'));
  const { broadcast } = memory;
  if (broadcast === undefined) throw new Error('memory does not broadcast');
  const transport = faulty(memory, { broadcast: { ...broadcast, ...replaced } });
  transports.push(transport);
  const spy = createSpy();
  onTestFinished(() => spy.close());
  return { broadcast, transport, broadcaster: createBroadcaster({ transport, source: 'tests' }), spy };
}

function body(n: number): string {
  return encode(wrap(Ping, { n }, {}));
}

describe('a broadcaster', () => {
  it('wraps what it says as publishers do, and hands it over so', async () => {
    const { broadcaster, spy } = given();
    const heard = Promise.withResolvers<object>();
    await broadcaster.listen(Ping, (message) => heard.resolve(message));
    const { id } = await broadcaster.notify(Ping, { n: 1 }, { subject: 'you', correlationId: 'c-1' });
    expect(await heard.promise).toEqual({
      specversion: '1.0',
      id,
      source: 'tests',
      type: 'ping',
      time: expect.stringMatching(/Z$/),
      subject: 'you',
      correlationid: 'c-1',
      datacontenttype: 'application/json',
      dataschema: 'urn:hikyaku:ping:1',
      data: { n: 1 },
    });
    await spy.waitFor('notified', { topic: 'ping', id });
    await spy.waitFor('heard', { topic: 'ping', id });
  });

  it('says in one call what is issued in one turn, in order, as far as the carrier takes it', async () => {
    const batches: (readonly Notice[])[] = [];
    const { broadcaster, transport } = given({
      notify: async (_, notices) => {
        batches.push(notices);
        return notices.map(() => 'accepted');
      },
    });
    const many = transport.limits.sendEntries + 5;
    const said = await Promise.all(
      Array.from({ length: many }, (_, n) => broadcaster.notify(Ping, { n }, { id: `${n}` })),
    );
    expect(batches.map(({ length }) => length)).toEqual([transport.limits.sendEntries, 5]);
    expect(batches.flat().map(({ id }) => id)).toEqual(said.map(({ id }) => id));
  });

  it('does not wait for what is under way, and never says anything again', async () => {
    const calls: PromiseWithResolvers<'accepted'[]>[] = [];
    const { broadcaster, spy } = given({
      notify: () => {
        const call = Promise.withResolvers<'accepted'[]>();
        calls.push(call);
        return call.promise;
      },
    });
    const first = broadcaster.notify(Ping, { n: 1 });
    await vi.waitFor(() => expect(calls).toHaveLength(1));
    const second = broadcaster.notify(Ping, { n: 2 });
    await vi.waitFor(() => expect(calls).toHaveLength(2));
    calls[0]?.reject(new TransportError('Unavailable', 'gone'));
    await expect(first).rejects.toMatchObject({ code: 'Unavailable', message: 'gone' });
    calls[1]?.resolve(['accepted']);
    const { id } = await second;
    expect(calls).toHaveLength(2);
    expect(spy.all('notify_failed')).toMatchObject([{ topic: 'ping', code: 'Unavailable' }]);
    expect(spy.all('notified')).toEqual([{ event: 'notified', topic: 'ping', id }]);
    expect(spy.events.map(({ event }) => event)).toEqual([
      'carrier_unavailable',
      'notify_failed',
      'carrier_back',
      'notified',
    ]);
  });

  it('refuses what does not fit, and what is too much', async () => {
    const { broadcaster, transport } = given({ notify: () => new Promise(() => {}) });
    const wrong = JSON.parse('{"n":"one"}');
    await expect(broadcaster.notify(Ping, wrong)).rejects.toBeInstanceOf(InvalidMessage);
    const note = 'x'.repeat(transport.limits.messageBytes);
    await expect(broadcaster.notify(Ping, { n: 1, note })).rejects.toMatchObject({ code: 'TooLarge' });
    for (let n = 0; n < 10_000; n++) broadcaster.notify(Ping, { n }).catch(() => undefined);
    await expect(broadcaster.notify(Ping, { n: 1 })).rejects.toMatchObject({ code: 'Throttled' });
  });

  it('tells each what became of its own', async () => {
    const { broadcaster } = given({
      notify: async () => ['accepted', { error: new TransportError('Invalid', 'half a pair') }],
    });
    const outcomes = await Promise.allSettled([1, 2, 3].map((n) => broadcaster.notify(Ping, { n })));
    expect(outcomes).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'Invalid' } },
      { status: 'rejected', reason: { code: 'Unavailable' } },
    ]);
  });

  it('waits for its answers when it closes, and refuses more', async () => {
    const call = Promise.withResolvers<'accepted'[]>();
    const { broadcaster } = given({ notify: () => call.promise });
    const said = broadcaster.notify(Ping, { n: 1 });
    let closed = false;
    const closing = broadcaster.close().then(() => {
      closed = true;
    });
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    expect(closed).toBe(false);
    call.resolve(['accepted']);
    await Promise.all([said, closing]);
    await expect(broadcaster.notify(Ping, { n: 2 })).rejects.toMatchObject({ code: 'Closed' });
    await expect(broadcaster.listen(Ping, () => {})).rejects.toMatchObject({ code: 'Closed' });
  });

  it('takes schemas that check in their own time', async () => {
    const Slow = defineMessage({
      name: 'ping',
      version: 1,
      schema: z.object({ n: z.number().check(z.refine(async (n) => n !== 2)) }),
    });
    const { broadcaster, broadcast, spy } = given();
    const heard: number[] = [];
    await broadcaster.listen(Slow, ({ data }) => void heard.push(data.n));
    await expect(broadcaster.notify(Slow, { n: 2 })).rejects.toBeInstanceOf(InvalidMessage);
    await broadcast.notify('ping', [{ id: 'two', body: body(2), headers: {} }]);
    await spy.waitFor('notice_unreadable', { id: 'two', code: 'invalid' });
    const { id } = await broadcaster.notify(Slow, { n: 3 });
    await spy.waitFor('heard', { id });
    expect(heard).toEqual([3]);
  });

  it('is not to be had where the carrier does not broadcast', () => {
    const { transport } = given();
    const { broadcast: _, ...silent } = transport;
    expect(() => createBroadcaster({ transport: { ...silent, capabilities: new Set() } })).toThrow(
      expect.objectContaining({
        code: 'Unsupported',
        message: expect.stringMatching(/publish.*subscription/),
      }),
    );
  });
});

describe('a listener', () => {
  it('goes on after a handler that fails, at once or later', async () => {
    const { broadcaster, spy } = given();
    const heard: number[] = [];
    await broadcaster.listen(Ping, ({ data }) => {
      heard.push(data.n);
      if (data.n === 1) throw new TypeError('at once');
      return data.n === 2 ? Promise.reject(new Error('later')) : undefined;
    });
    const ids = await Promise.all([1, 2, 3].map((n) => broadcaster.notify(Ping, { n }).then(({ id }) => id)));
    await spy.waitFor('heard', { id: ids[2] ?? '' });
    await spy.waitFor('listener_failed', { id: ids[0] ?? '', error: 'TypeError: at once' });
    await spy.waitFor('listener_failed', { id: ids[1] ?? '', error: 'later' });
    expect(heard).toEqual([1, 2, 3]);
  });

  it('never sees what does not fit the contract; observers do', async () => {
    const { broadcaster, broadcast, spy } = given();
    const heard: number[] = [];
    await broadcaster.listen(Ping, ({ data }) => void heard.push(data.n));
    const bodies = {
      malformed: 'not json',
      unsafe: body(1).replace('"n":1', '"__proto__":1'),
      'unknown-contract': body(1).replace('"ping"', '"pong"'),
      'unknown-version': body(1).replace('ping:1', 'ping:2'),
      invalid: body(1).replace('"n":1', '"n":"1"'),
    };
    const notices = Object.entries(bodies).map(([id, text]) => ({ id, body: text, headers: {} }));
    await broadcast.notify('ping', [...notices, { id: 'good', body: body(7), headers: {} }]);
    await spy.waitFor('heard', { id: 'good' });
    expect(spy.all('notice_unreadable').map(({ id, code }) => [id, code])).toEqual(
      Object.keys(bodies).map((code) => [code, code]),
    );
    expect(heard).toEqual([7]);
  });

  it('drops what comes while as many as may be are at work, counts it, and says so', async () => {
    const { broadcaster, spy } = given();
    const slow: PromiseWithResolvers<void>[] = [];
    const seen: [n: number, missed: number][] = [];
    const gaps: string[] = [];
    await broadcaster.listen(
      Ping,
      ({ data }, { missed }) => {
        seen.push([data.n, missed]);
        const one = Promise.withResolvers<void>();
        slow.push(one);
        return one.promise;
      },
      { concurrency: 2, onGap: ({ code, message }) => void gaps.push(`${code}: ${message}`) },
    );
    const others: number[] = [];
    await broadcaster.listen(Ping, ({ data }) => void others.push(data.n));
    await Promise.all([1, 2, 3, 4, 5].map((n) => broadcaster.notify(Ping, { n })));
    await vi.waitFor(() => expect(others).toEqual([1, 2, 3, 4, 5]));
    expect(seen).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(spy.all('notices_dropped')).toEqual([]);
    slow[0]?.resolve();
    expect(await spy.waitFor('notices_dropped')).toEqual({
      event: 'notices_dropped',
      topic: 'ping',
      count: 3,
    });
    expect(gaps).toEqual([expect.stringMatching(/^Throttled: 3 notices of ping were dropped/)]);
    await broadcaster.notify(Ping, { n: 6 });
    await vi.waitFor(() => expect(seen).toHaveLength(3));
    expect(seen[2]).toEqual([6, 3]);
    for (const one of slow) one.resolve();
    await vi.waitFor(() => expect(spy.all('heard')).toHaveLength(9));
    expect(spy.all('notices_dropped')).toHaveLength(1);
  });

  it.each([0, Number.NaN, 1.5])('refuses to hear %d at once, before it listens', async (concurrency) => {
    const listen = vi.fn<Broadcast['listen']>();
    const { broadcaster } = given({ listen });
    await expect(broadcaster.listen(Ping, () => {}, { concurrency })).rejects.toThrow(
      new RangeError(`concurrency is ${concurrency}: expected a whole number from 1`),
    );
    expect(listen).not.toHaveBeenCalled();
  });

  it('is told when the carrier was away, and observers when it goes and comes', async () => {
    let carrier: Told | undefined;
    const { broadcaster, spy } = given({
      listen: async (_, told) => {
        carrier = told;
        return { close: async () => {} };
      },
    });
    const gaps: TransportError[] = [];
    const reason = new TransportError('Unavailable', 'the line is cut');
    const listener = await broadcaster.listen(Ping, () => {}, {
      onGap: (gap) => {
        gaps.push(gap);
        throw new Error('cannot read anew');
      },
    });
    carrier?.onAway(reason);
    expect(gaps).toEqual([]);
    carrier?.onGap(reason);
    expect(gaps).toEqual([reason]);
    expect(spy.events).toEqual([
      { event: 'carrier_unavailable', transport: 'memory', code: 'Unavailable', error: 'the line is cut' },
      { event: 'carrier_back', transport: 'memory' },
      { event: 'notices_missed', topic: 'ping', code: 'Unavailable', error: 'the line is cut' },
      { event: 'listener_failed', topic: 'ping', error: 'cannot read anew' },
    ]);
    await listener.close();
    carrier?.onGap(reason);
    expect(gaps).toHaveLength(1);
  });

  it('ends its handlers when it closes, and waits for them no longer than it may', async () => {
    const { broadcaster } = given();
    const signals: AbortSignal[] = [];
    const listener = await broadcaster.listen(Ping, async (_, { signal }) => {
      signals.push(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    });
    const stuck = await broadcaster.listen(Ping, () => new Promise(() => {}));
    await broadcaster.notify(Ping, { n: 1 });
    await vi.waitFor(() => expect(signals).toHaveLength(1));
    await listener.close();
    expect(signals[0]?.aborted).toBe(true);
    await broadcaster.notify(Ping, { n: 2 });
    const closingAt = performance.now();
    await stuck.close({ deadlineMs: 50 });
    expect(performance.now() - closingAt).toBeGreaterThan(45);
    expect(signals).toHaveLength(1);
    await listener.close();
  });

  it('may be closed twice while a handler is at work: both wait for it, and no longer', async () => {
    const { broadcaster } = given();
    const end = Promise.withResolvers<void>();
    let begun = false;
    const listener = await broadcaster.listen(Ping, () => {
      begun = true;
      return end.promise;
    });
    await broadcaster.notify(Ping, { n: 1 });
    await vi.waitFor(() => expect(begun).toBe(true));
    const closed = Promise.all([1, 2].map(() => listener.close({ deadlineMs: 60_000 })));
    end.resolve();
    await closed;
  });

  it('takes no handler of a subscription for its own, nor gives one away', () => {
    const handler: Handler<{ n: number }> = async () => {};
    const heard: NoticeHandler<{ n: number }> = async () => {};
    // @ts-expect-error What it does with attempts and leases has no meaning where nothing comes again.
    const notices: NoticeHandler<{ n: number }> = handler;
    // @ts-expect-error It counts on notices that are missed, and would be run again when it throws.
    const messages: Handler<{ n: number }> = heard;
    expect([notices, messages]).toEqual([handler, heard]);
  });
});
