import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, topologyOf } from '../../test/support/ping.ts';
import { deadLetterHeaders } from '../message/dead-letter.ts';
import { TransportError } from '../transport/errors.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { listDeadLetters, purgeDeadLetters, replayDeadLetters } from './dead-letters.ts';
import { peek } from './peek.ts';

let transport: Transport;
beforeEach(async () => {
  // Small pages, so that there are several.
  const memory = createMemoryTransport(topologyOf('ping', 'test'));
  transport = { ...memory, limits: { ...memory.limits, receiveEntries: 2, settleEntries: 2 } };
});
afterEach(() => transport.close());

async function bury(...codes: ('rejected' | 'exhausted')[]): Promise<void> {
  await transport.send(
    'ping',
    codes.map((_, n) => ({ id: `id-${n}`, body: `body ${n}`, headers: { own: 'x' } })),
  );
  const deliveries = await transport.receive(PING, { max: codes.length, waitMs: 0, leaseMs: 1_000 });
  const at = new Date().toISOString();
  await transport.settle(
    PING,
    deliveries.map(({ receipt }, n) => ({
      receipt,
      action: 'deadLetter',
      headers: deadLetterHeaders({
        code: codes[n] ?? 'rejected',
        message: `why ${n}`,
        at,
        attempts: 1,
        history: [],
      }),
    })),
  );
}

describe('dead letters', () => {
  it('are listed with their reason, page by page, and stay where they are', async () => {
    await bury('rejected', 'exhausted', 'rejected', 'exhausted', 'rejected');
    for (let look = 0; look < 2; look++) {
      const views = await listDeadLetters(transport, PING);
      expect(views.map(({ id }) => id).toSorted()).toEqual(['id-0', 'id-1', 'id-2', 'id-3', 'id-4']);
      expect(views[0]).toMatchObject({
        body: 'body 0',
        replays: 0,
        reason: { code: 'rejected', message: 'why 0' },
      });
    }
    const exhausted = await listDeadLetters(transport, PING, { code: 'exhausted' });
    expect(exhausted.map(({ id }) => id)).toEqual(['id-1', 'id-3']);
  });

  it('are listed once each, and the list ends, when they come again before all have been seen', async () => {
    await bury('rejected', 'exhausted', 'rejected', 'exhausted');
    const clock = vi.spyOn(performance, 'now');
    onTestFinished(() => clock.mockRestore());
    let now = performance.now();
    let pages = 0;
    clock.mockImplementation(() => now);
    const slow = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        scan: async (address, options) => {
          if (pages++ > 10) throw new Error('it does not end');
          const page = await transport.deadLetters.scan(address, options);
          now += 20_000;
          return page;
        },
      },
    });
    const views = await listDeadLetters(slow, PING);
    expect(views.map(({ id }) => id)).toEqual(['id-0', 'id-1', 'id-2', 'id-3']);
    expect(await transport.deadLetters.scan(PING, { max: 9, leaseMs: 1_000 })).toHaveLength(4);
  });

  it('are leased for as long as it takes to see them all', async () => {
    await bury('rejected', 'rejected');
    const leases: number[] = [];
    const large = faulty(transport, {
      depth: async () => ({ ready: 0, inFlight: 0, delayed: 0, dead: 6_000 }),
      deadLetters: {
        ...transport.deadLetters,
        scan: (address, options) => {
          leases.push(options.leaseMs);
          return transport.deadLetters.scan(address, options);
        },
      },
    });
    await listDeadLetters(large, PING);
    await replayDeadLetters(large, PING, { ids: ['id-nobody'] });
    await replayDeadLetters(large, PING, {}, { perSecond: 10 });
    expect([...new Set(leases)]).toEqual([150_000, 630_000]);
  });

  it('of one id are listed all, and hide no others', async () => {
    for (let times = 0; times < 4; times++) await bury('rejected');
    await transport.send('ping', [{ id: 'id-last', body: '', headers: {} }]);
    const [last] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    await transport.settle(PING, [{ receipt: last?.receipt ?? {}, action: 'deadLetter', headers: {} }]);
    const views = await listDeadLetters(transport, PING);
    expect(views.map(({ id }) => id)).toEqual(['id-0', 'id-0', 'id-0', 'id-0', 'id-last']);
    const { done } = await replayDeadLetters(transport, PING, { ids: ['id-last'] });
    expect(done).toHaveLength(1);
  });

  it('are replayed by id or reason: bytes, id and headers kept, the reason left behind', async () => {
    await bury('rejected', 'exhausted', 'rejected');
    const one = await replayDeadLetters(transport, PING, { ids: ['id-2', 'id-nobody'] });
    expect(one.done.map(({ id }) => id)).toEqual(['id-2']);
    const [again] = await transport.receive(PING, { max: 5, waitMs: 0, leaseMs: 1_000 });
    expect(again).toMatchObject({
      id: 'id-2',
      body: 'body 2',
      deliveries: 1,
      headers: { own: 'x', 'hikyaku-replays': '1', 'hikyaku-replayed': expect.any(String) },
    });
    expect(again?.headers).not.toHaveProperty('hikyaku-dead');
    expect((await replayDeadLetters(transport, PING, { code: 'exhausted' })).done).toHaveLength(1);
    expect(await listDeadLetters(transport, PING)).toMatchObject([{ id: 'id-0' }]);
  });

  it('are replayed no faster than asked for', async () => {
    await bury('rejected', 'rejected', 'rejected', 'rejected');
    const startedAt = performance.now();
    const at: number[] = [];
    const watched = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        replay: (address, letters) => {
          at.push(...letters.map(() => performance.now() - startedAt));
          return transport.deadLetters.replay(address, letters);
        },
      },
    });
    const { done } = await replayDeadLetters(watched, PING, {}, { perSecond: 20 });
    expect(done).toHaveLength(4);
    expect(at[2]).toBeGreaterThanOrEqual(95);
  });

  it('are replayed until somebody stops it; the rest stays', async () => {
    await bury('rejected', 'exhausted', 'rejected', 'rejected');
    const stop = new AbortController();
    const replaying = replayDeadLetters(transport, PING, {}, { perSecond: 1, signal: stop.signal });
    await vi.waitFor(async () => expect(await transport.depth(PING)).toMatchObject({ ready: 1 }));
    stop.abort();
    expect((await replaying).done).toHaveLength(1);
    expect(await listDeadLetters(transport, PING)).toHaveLength(3);
  });

  it('are replayed once, also when they come back at once', async () => {
    await bury('rejected', 'rejected', 'rejected');
    const hopeless = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        replay: async (address, letters) => {
          const outcomes = await transport.deadLetters.replay(address, letters);
          const again = await transport.receive(PING, { max: 2, waitMs: 0, leaseMs: 1_000 });
          await transport.settle(
            PING,
            again.map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} })),
          );
          return outcomes;
        },
      },
    });
    const { done } = await replayDeadLetters(hopeless, PING);
    expect(done.map(({ id }) => id)).toEqual(['id-0', 'id-1', 'id-2']);
    expect((await listDeadLetters(transport, PING)).map(({ replays }) => replays)).toEqual([1, 1, 1]);
  });

  it('are purged, all or some', async () => {
    await bury('rejected', 'exhausted', 'rejected');
    expect((await purgeDeadLetters(transport, PING, { code: 'exhausted' })).done).toHaveLength(1);
    expect((await purgeDeadLetters(transport, PING)).done).toHaveLength(2);
    expect(await transport.depth(PING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  it('are purged until somebody stops it; the rest stays', async () => {
    await bury('rejected', 'exhausted', 'rejected', 'rejected');
    const stop = new AbortController();
    const watched = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        purge: (address, letters) => {
          stop.abort();
          return transport.deadLetters.purge(address, letters);
        },
      },
    });
    const { done } = await purgeDeadLetters(watched, PING, {}, { signal: stop.signal });
    expect(done).toHaveLength(2);
    expect(await listDeadLetters(transport, PING)).toHaveLength(2);
  });

  it.each([
    ['listed', (on: Transport) => listDeadLetters(on, PING, { code: 'exhausted' })],
    ['replayed', (on: Transport) => replayDeadLetters(on, PING, { code: 'exhausted' }, { perSecond: 2 })],
    ['purged', (on: Transport) => purgeDeadLetters(on, PING, { code: 'exhausted' })],
  ])('that are left are given back when the carrier goes away while they are %s', async (_, act) => {
    await bury('rejected', 'rejected', 'rejected', 'exhausted');
    let pages = 0;
    const away = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        scan: (address, options) =>
          ++pages === 2
            ? Promise.reject(new TransportError('Unavailable', 'away'))
            : transport.deadLetters.scan(address, options),
      },
    });
    await expect(act(away)).rejects.toMatchObject({ code: 'Unavailable', message: 'away' });
    expect(await transport.deadLetters.scan(PING, { max: 9, leaseMs: 1_000 })).toHaveLength(4);
  });

  it('that are left are not given back one after the other to a carrier that stays away', async () => {
    await bury(...Array.from({ length: 12 }, () => 'rejected' as const));
    let releases = 0;
    const away = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        release: (address, letters) =>
          ++releases === 2
            ? transport.deadLetters.release(address, letters)
            : Promise.reject(new TransportError('Unavailable', 'away')),
      },
    });
    expect(await listDeadLetters(away, PING)).toHaveLength(12);
    expect(releases).toBe(5);
  });

  it('that could not be moved are named, with the error', async () => {
    await bury('rejected', 'rejected', 'rejected');
    let calls = 0;
    const broken = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        replay: async (address, letters) => {
          if (calls++ === 0) return [new TransportError('Denied', 'no'), 'settled'];
          throw new TransportError('Unavailable', `no ${address.topic}, ${letters.length}`);
        },
      },
    });
    const { done, failed } = await replayDeadLetters(broken, PING);
    expect(done).toHaveLength(1);
    expect(failed.map(({ error }) => error.code)).toEqual(['Denied', 'Unavailable']);
    // And are there for the next who looks.
    expect(await transport.deadLetters.scan(PING, { max: 9, leaseMs: 1_000 })).toHaveLength(2);
  });
});

describe('peek', () => {
  it('shows what is ready and gives it back', async () => {
    await transport.send(
      'ping',
      [1, 2, 3].map((n) => ({ id: `id-${n}`, body: '', headers: {} })),
    );
    expect((await peek(transport, PING, 5)).map(({ id }) => id)).toEqual(['id-1', 'id-2', 'id-3']);
    expect(await peek(transport, PING, 1)).toMatchObject([{ deliveries: 1 }]);
    expect(await transport.depth(PING)).toMatchObject({ ready: 3, inFlight: 0 });
  });

  it('says when it could not give back', async () => {
    await transport.send('ping', [{ id: 'id', body: '', headers: {} }]);
    const broken = faulty(transport, { settle: async () => [new TransportError('Unavailable', 'away')] });
    await expect(peek(broken, PING, 1)).rejects.toMatchObject({ code: 'Unavailable' });
  });
});
