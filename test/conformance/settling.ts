import { expect, vi } from 'vitest';
import type { Settlement } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import {
  expectCode,
  expectNotSettled,
  ifDelayRefused,
  LONG_LEASE,
  ORDERS,
  outgoing,
  SHORT_LEASE,
} from './world.ts';

export function settling(check: Check): void {
  check('what is done, for good', async ({ transport, publish, takeOne, poll }) => {
    await publish(outgoing());
    const { receipt } = await takeOne();
    expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  check('a delivery once', async ({ transport, publish, take, takeOne, poll }) => {
    await publish(outgoing(), outgoing());
    const [acked, released] = await take(2);
    if (acked === undefined || released === undefined) return;
    await transport.settle(ORDERS, [
      { receipt: acked.receipt, action: 'ack' },
      { receipt: released.receipt, action: 'release' },
    ]);
    // Delivered again, for SQS lets the newest receipt delete a message, also one that was given back with it.
    const again = await takeOne();
    for (const { receipt } of [acked, released]) {
      const [outcome] = await transport.settle(ORDERS, [{ receipt, action: 'ack' }]);
      expectNotSettled(outcome);
    }
    expect(await transport.depth(ORDERS)).toMatchObject({ ready: 0, inFlight: 1 });
    const { id, receipt } = again;
    expect(id).toBe(released.id);
    expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
  });

  check('a retry, after its delay', async ({ transport, publish, poll, takeOne }) => {
    await publish(outgoing());
    const { id, receipt } = await takeOne();
    const settledAt = performance.now();
    const retry = { receipt, action: 'retry', delayMs: 1_000 } as const;
    expect(await transport.settle(ORDERS, [retry])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
    expect(await takeOne()).toMatchObject({ id, deliveries: 2 });
    expect(performance.now() - settledAt).toBeGreaterThanOrEqual(990);
  });

  check('a retry without delay, at once', async ({ transport, publish, takeOne }) => {
    await publish(outgoing());
    const { id, receipt } = await takeOne();
    const retry = { receipt, action: 'retry', delayMs: 0 } as const;
    expect(await transport.settle(ORDERS, [retry])).toEqual(['settled']);
    expect(await takeOne()).toMatchObject({ id, deliveries: 2 });
  });

  check('what is given back, at once', async ({ transport, publish, poll, takeOne }) => {
    const message = outgoing({ headers: { a: '1' } });
    await publish(message);
    const { receipt } = await takeOne();
    expect(await transport.settle(ORDERS, [{ receipt, action: 'release' }])).toEqual(['settled']);
    expect(await poll()).toMatchObject([message]);
  });

  check('a longer lease', async ({ transport, publish, poll, takeOne }) => {
    await publish(outgoing());
    // Long enough to be extended in time on a busy machine.
    const { receipt, leaseUntil } = await takeOne({ leaseMs: 4_000 });
    expect(await transport.extend(ORDERS, [receipt], LONG_LEASE)).toEqual(['settled']);
    const options = { max: 1, waitMs: 5_000, leaseMs: LONG_LEASE };
    expect(await transport.receive(ORDERS, options)).toEqual([]);
    expect(performance.now()).toBeGreaterThan(leaseUntil);
    expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
    expect(await poll()).toEqual([]);
  });

  check('nothing for certain once the lease has ended', async ({ transport, publish, take, poll }) => {
    await publish(outgoing(), outgoing(), outgoing());
    const first = await take(3, { leaseMs: SHORT_LEASE });
    await take(3);
    await vi.waitUntil(() => first.every(({ leaseUntil }) => leaseUntil < performance.now()));
    const [acked, retried, extended] = first.map(({ receipt }) => receipt);
    if (acked === undefined || retried === undefined || extended === undefined) return;
    const outcomes = await transport.settle(ORDERS, [
      { receipt: acked, action: 'ack' },
      { receipt: retried, action: 'retry', delayMs: 0 },
    ]);
    expect(outcomes).toHaveLength(2);
    for (const outcome of outcomes) expectNotSettled(outcome);
    const [outcome] = await transport.extend(ORDERS, [extended], LONG_LEASE);
    expectNotSettled(outcome);
    expect(await poll()).toEqual([]);
  });

  check('each delivery by itself, in order', async ({ transport, publish, take, takeOne }) => {
    await publish(...Array.from({ length: 4 }, () => outgoing()));
    const [a, b, c, d] = await take(4);
    if (a === undefined || b === undefined || c === undefined || d === undefined) return;
    await transport.settle(ORDERS, [{ receipt: c.receipt, action: 'ack' }]);
    const outcomes = await transport.settle(ORDERS, [
      { receipt: a.receipt, action: 'deadLetter', headers: {} },
      { receipt: {}, action: 'ack' },
      { receipt: b.receipt, action: 'release' },
      { receipt: c.receipt, action: 'ack' },
      { receipt: d.receipt, action: 'ack' },
    ] satisfies Settlement[]);
    expect(outcomes).toHaveLength(5);
    expect([outcomes[0], outcomes[2], outcomes[4]]).toEqual(['settled', 'settled', 'settled']);
    expectCode(outcomes[1], 'Invalid');
    expectNotSettled(outcomes[3]);
    expect((await takeOne()).id).toBe(b.id);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 1, delayed: 0, dead: 1 });
  });

  check('no receipt that is not its own', async ({ transport }) => {
    const [extended] = await transport.extend(ORDERS, [new Date()], LONG_LEASE);
    expectCode(extended, 'Invalid');
    const [settled] = await transport.settle(ORDERS, [{ receipt: {}, action: 'release' }]);
    expectCode(settled, 'Invalid');
  });

  check('as many deliveries at once as it says', async ({ transport, publish, take }) => {
    const count = Math.min(transport.limits.settleEntries, 50);
    for (let sent = 0; sent < count; sent += 10) {
      await publish(...Array.from({ length: 10 }, () => outgoing({ only: ['billing'] })));
    }
    const settlements = (await take(count)).map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    expect(await transport.settle(ORDERS, settlements)).toEqual(settlements.map(() => 'settled'));
    expect(await transport.settle(ORDERS, [])).toEqual([]);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  check('and counts what stands where', async ({ transport, publish, take }) => {
    await publish(outgoing(), outgoing(), outgoing());
    expect(await transport.depth(ORDERS)).toEqual({ ready: 3, inFlight: 0, delayed: 0, dead: 0 });
    await take(2);
    expect(await transport.depth(ORDERS)).toEqual({ ready: 1, inFlight: 2, delayed: 0, dead: 0 });
  });

  check(
    'and counts what is delayed',
    async ({ transport, publish }) => {
      await publish(outgoing(), outgoing({ delayMs: 60_000 }));
      expect(await transport.depth(ORDERS)).toEqual({ ready: 1, inFlight: 0, delayed: 1, dead: 0 });
    },
    ifDelayRefused,
  );

  check(
    'a retry after the longest delay, without showing it before',
    async ({ transport, publish, takeOne, poll }) => {
      await publish(outgoing());
      const { receipt } = await takeOne();
      const delayMs = transport.limits.retryDelayMs;
      expect(await transport.settle(ORDERS, [{ receipt, action: 'retry', delayMs }])).toEqual(['settled']);
      expect(await poll()).toEqual([]);
      const { ready, inFlight, delayed } = await transport.depth(ORDERS);
      expect({ ready, held: inFlight + delayed }).toEqual({ ready: 0, held: 1 });
    },
  );
}
