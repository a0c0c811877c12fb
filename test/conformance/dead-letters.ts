import { expect, vi } from 'vitest';
import type { DeadLetter } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import {
  expectCode,
  idsOf,
  ifAlone,
  LONG_LEASE,
  ORDERS,
  only,
  outgoing,
  SHORT_LEASE,
  STOCK,
  topologyFor,
} from './world.ts';

const PAGE = { max: 10, leaseMs: LONG_LEASE };

export function deadLetters(check: Check): void {
  check('to the byte, with all that is known about them', async ({ transport, poll, ...world }) => {
    const message = outgoing({ body: '{"said":"ünïcödé\\n飛脚"}', headers: { a: '1', b: '2' }, key: 'k' });
    await world.deadLetter(message, { b: 'new', 'hikyaku-dead': '{"code":"rejected"}' });
    expect(await poll()).toEqual([]);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 1 });
    expect(await world.scanOne()).toMatchObject({
      id: message.id,
      body: message.body,
      key: 'k',
      headers: { a: '1', b: 'new', 'hikyaku-dead': '{"code":"rejected"}' },
    });
  });

  check('what its last delivery has left without an answer too, as it is', async (world) => {
    const { carrier, topology } = world;
    const few = topologyFor(`${topology.prefix}f`, carrier.ordered ?? false, carrier.alone, 2);
    const transport = await carrier.open(few);
    try {
      await transport.provision();
      const [bad, good] = [outgoing({ key: 'a' }), outgoing({ key: 'b' })];
      expect(await transport.send('orders', [bad, good])).toEqual(['accepted', 'accepted']);
      let letter: DeadLetter | undefined;
      await vi.waitUntil(
        async () => {
          const received = await transport.receive(ORDERS, { max: 1, waitMs: 200, leaseMs: SHORT_LEASE });
          for (const { id, receipt } of received) {
            if (id === good.id) await transport.settle(ORDERS, [{ receipt, action: 'ack' }]);
          }
          letter = (await transport.deadLetters.scan(ORDERS, PAGE)).find(({ id }) => id === bad.id);
          return letter !== undefined;
        },
        { timeout: 15_000, interval: 50 },
      );
      expect(letter).toMatchObject({ id: bad.id, body: bad.body });
    } finally {
      await transport.close();
    }
  });

  check('as large as a message may be', async ({ transport, deadLetter, scanOne }) => {
    const body = 'x'.repeat(transport.limits.messageBytes - 200);
    await deadLetter(outgoing({ body }), { reason: 'x'.repeat(15_000) });
    expect((await scanOne()).body).toBe(body);
  });

  check(
    'each subscription its own',
    async ({ transport, deadLetter }) => {
      await deadLetter(outgoing(), {});
      expect(await transport.deadLetters.scan(STOCK, PAGE)).toEqual([]);
    },
    ifAlone,
  );

  check('and shows them once, until they are given back', async ({ transport, deadLetter, scanOne }) => {
    await deadLetter(outgoing(), {});
    const letter = await scanOne();
    expect(await transport.deadLetters.scan(ORDERS, PAGE)).toEqual([]);
    expect(await transport.depth(ORDERS)).toHaveProperty('dead', 1);
    expect(await transport.deadLetters.release(ORDERS, [letter])).toEqual(['settled']);
    expect((await scanOne()).id).toBe(letter.id);
  });

  check('and shows them again to others after a while', async ({ transport, deadLetter }) => {
    await deadLetter(outgoing(), {});
    const letter = only(await transport.deadLetters.scan(ORDERS, { max: 10, leaseMs: SHORT_LEASE }));
    const again = await vi.waitUntil(async () => (await transport.deadLetters.scan(ORDERS, PAGE))[0], {
      timeout: 5_000,
    });
    expect(again.id).toBe(letter.id);
  });

  check('page by page', async ({ transport, deadLetter }) => {
    for (let count = 0; count < 3; count++) await deadLetter(outgoing(), {});
    const first = await transport.deadLetters.scan(ORDERS, { max: 2, leaseMs: LONG_LEASE });
    const second = await transport.deadLetters.scan(ORDERS, { max: 2, leaseMs: LONG_LEASE });
    expect(first).toHaveLength(2);
    expect(second).toHaveLength(1);
    expect(new Set(idsOf([...first, ...second])).size).toBe(3);
  });

  check('until they are replayed', async ({ transport, poll, ...world }) => {
    const message = outgoing({ headers: { a: '1' }, key: 'k' });
    await world.deadLetter(message, { why: 'x' });
    const letter = await world.scanOne();
    const headers = { a: '1', 'hikyaku-replays': '1' };
    expect(await transport.deadLetters.replay(ORDERS, [{ letter, headers }])).toEqual(['settled']);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 1, inFlight: 0, delayed: 0, dead: 0 });
    const delivery = await world.takeOne();
    expect(delivery).toMatchObject({ id: message.id, body: message.body, key: 'k', deliveries: 1 });
    expect(delivery.headers).toEqual(headers);
    if (!world.carrier.alone) expect(await poll(STOCK)).toEqual([]);
  });

  check('until they are purged', async ({ transport, deadLetter, scanOne, poll }) => {
    await deadLetter(outgoing(), {});
    const letter = await scanOne();
    expect(await transport.deadLetters.purge(ORDERS, [letter])).toEqual(['settled']);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    expect(await transport.deadLetters.purge(ORDERS, [letter])).not.toEqual(['settled']);
    expect(await poll()).toEqual([]);
  });

  check('and takes no letter that is not its own', async ({ transport }) => {
    const letter = { id: '1', body: 'x', headers: {}, enqueuedAt: 0, receipt: {} };
    for (const [outcome] of [
      await transport.deadLetters.replay(ORDERS, [{ letter, headers: {} }]),
      await transport.deadLetters.purge(ORDERS, [letter]),
      await transport.deadLetters.release(ORDERS, [letter]),
    ]) {
      expectCode(outcome, 'Invalid');
    }
  });
}
