import { expect, vi } from 'vitest';
import type { Incoming, Settlement, Transport } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import { expectNotSettled, ORDERS, outgoing, SHORT_LEASE, unlessOrdered } from './world.ts';

const DELAY_MS = 1_000;

const postpone = ({ receipt }: Incoming, delayMs: number): Settlement => ({
  receipt,
  action: 'postpone',
  delayMs,
});

/** What the next delivery says after one that was postponed. */
const next = (transport: Transport, before: number): number =>
  transport.countsPostponed?.(ORDERS.topic) ? before + 1 : 1;

export function postponing(check: Check): void {
  check(
    'a message until its delay is over, with all that it has',
    async ({ transport, publish, take, takeOne, poll }) => {
      const message = outgoing({ body: '{"said":"飛脚 \\u00e9"}', headers: { 'a header': 'ä' }, key: 'k' });
      await publish(message);
      const first = await takeOne();
      const settledAt = performance.now();
      expect(await transport.settle(ORDERS, [postpone(first, DELAY_MS)])).toEqual(['settled']);
      expect(await poll()).toEqual([]);
      const [again] = await take(1);
      expect(performance.now() - settledAt).toBeGreaterThanOrEqual(DELAY_MS - 10);
      const { id, body, headers, key } = message;
      expect(again).toMatchObject({ id, body, headers, key, deliveries: next(transport, 1) });
      expect(again?.headers).toEqual(headers);
      expect(again?.enqueuedAt).toBe(first.enqueuedAt);
    },
  );

  check('a message without delay, at once', async ({ transport, publish, takeOne }) => {
    await publish(outgoing({ headers: {} }));
    const first = await takeOne();
    expect(await transport.settle(ORDERS, [postpone(first, 0)])).toEqual(['settled']);
    const { id } = first;
    const again = await takeOne();
    expect(again).toMatchObject({ id, headers: {}, deliveries: next(transport, 1) });
    expect(await transport.settle(ORDERS, [{ receipt: again.receipt, action: 'ack' }])).toEqual(['settled']);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  check('and counts anew after failures', async ({ transport, publish, takeOne }) => {
    await publish(outgoing());
    for (const deliveries of [1, 2]) {
      const one = await takeOne();
      expect(one).toHaveProperty('deliveries', deliveries);
      await transport.settle(ORDERS, [{ receipt: one.receipt, action: 'retry', delayMs: 0 }]);
    }
    const third = await takeOne();
    expect(third).toHaveProperty('deliveries', 3);
    await transport.settle(ORDERS, [postpone(third, 0)]);
    expect(await takeOne()).toHaveProperty('deliveries', next(transport, 3));
  });

  check('and says how many wait', async ({ transport, publish, take }) => {
    await publish(outgoing(), outgoing());
    const taken = await take(2);
    const outcomes = await transport.settle(
      ORDERS,
      taken.map((one) => postpone(one, 60_000)),
    );
    expect(outcomes).toEqual(['settled', 'settled']);
    const { ready, inFlight, delayed, dead } = await transport.depth(ORDERS);
    expect({ ready, dead }).toEqual({ ready: 0, dead: 0 });
    // What is only hidden is in flight.
    expect(transport.countsPostponed?.(ORDERS.topic) ? inFlight : delayed).toBe(2);
  });

  check('for as long as it says', async ({ transport, publish, takeOne, poll }) => {
    await publish(outgoing());
    const { postponeDelayMs, retryDelayMs } = transport.limits;
    const delayMs = transport.countsPostponed?.(ORDERS.topic) ? retryDelayMs : postponeDelayMs;
    expect(await transport.settle(ORDERS, [postpone(await takeOne(), delayMs)])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
    const { ready, inFlight, delayed } = await transport.depth(ORDERS);
    expect({ ready, held: inFlight + delayed }).toEqual({ ready: 0, held: 1 });
  });

  check('each delivery by itself, beside others', async ({ transport, publish, take, takeOne }) => {
    await publish(...Array.from({ length: 4 }, () => outgoing()));
    const [a, b, c, d] = await take(4);
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    const outcomes = await transport.settle(ORDERS, [
      { receipt: a.receipt, action: 'deadLetter', headers: {} },
      postpone(b, 60_000),
      { receipt: c.receipt, action: 'release' },
      { receipt: d.receipt, action: 'ack' },
    ]);
    expect(outcomes).toEqual(['settled', 'settled', 'settled', 'settled']);
    expect((await takeOne()).id).toBe(c.id);
    const { inFlight, delayed, ...others } = await transport.depth(ORDERS);
    expect({ ...others, held: inFlight + delayed }).toEqual({ ready: 0, held: 2, dead: 1 });
  });

  check('nothing once the lease has ended', async ({ transport, publish, take, poll }) => {
    await publish(outgoing());
    const [late] = await take(1, { leaseMs: SHORT_LEASE });
    const [current] = await take(1);
    if (late === undefined || current === undefined) return;
    await vi.waitUntil(() => late.leaseUntil < performance.now());
    const [outcome] = await transport.settle(ORDERS, [postpone(late, 0)]);
    expectNotSettled(outcome);
    expect(await poll()).toEqual([]);
    expect(await transport.settle(ORDERS, [{ receipt: current.receipt, action: 'ack' }])).toEqual([
      'settled',
    ]);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  check('nothing twice', async ({ transport, publish, takeOne, poll }) => {
    await publish(outgoing());
    const first = await takeOne();
    expect(await transport.settle(ORDERS, [postpone(first, 0)])).toEqual(['settled']);
    const again = await takeOne();
    const [outcome] = await transport.settle(ORDERS, [postpone(first, 0)]);
    expectNotSettled(outcome);
    expect(await transport.settle(ORDERS, [{ receipt: again.receipt, action: 'ack' }])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
  });

  check(
    'in order: the others of its key wait for it',
    async ({ transport, publish, takeOne, poll }) => {
      const messages = [outgoing({ key: 'a' }), outgoing({ key: 'a' })];
      await publish(...messages);
      expect(await transport.settle(ORDERS, [postpone(await takeOne(), DELAY_MS)])).toEqual(['settled']);
      expect(await poll()).toEqual([]);
      for (const { id } of messages) {
        const one = await takeOne();
        expect(one.id).toBe(id);
        await transport.settle(ORDERS, [{ receipt: one.receipt, action: 'ack' }]);
      }
    },
    unlessOrdered,
  );
}
