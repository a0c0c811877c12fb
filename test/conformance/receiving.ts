import { expect } from 'vitest';
import type { Incoming } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import { idsOf, ifDelayRefused, LONG_LEASE, ORDERS, only, outgoing, SHORT_LEASE } from './world.ts';

export function receiving(check: Check): void {
  check('no more than asked for', async ({ transport, publish, take }) => {
    await publish(outgoing(), outgoing(), outgoing());
    const first = await transport.receive(ORDERS, { max: 2, waitMs: 1_000, leaseMs: LONG_LEASE });
    expect(first.length).toBeGreaterThan(0);
    expect(first.length).toBeLessThanOrEqual(2);
    await take(3 - first.length);
  });

  check('a message for one of several receivers', async ({ transport, publish, poll }) => {
    const messages = Array.from({ length: 10 }, () => outgoing());
    await publish(...messages);
    const options = { max: 3, waitMs: 1_000, leaseMs: LONG_LEASE };
    const receivers = await Promise.all([1, 2, 3, 4].map(() => transport.receive(ORDERS, options)));
    const received = idsOf([...receivers.flat(), ...(await poll())]);
    expect(received.sort()).toEqual(idsOf(messages).sort());
  });

  check('nothing that is leased', async ({ publish, poll, takeOne }) => {
    await publish(outgoing());
    await takeOne();
    expect(await poll()).toEqual([]);
  });

  check('a message again when its lease has ended, and not before', async ({ publish, takeOne }) => {
    await publish(outgoing());
    // It begins on the way to the answer, which a busy machine brings late.
    const askedAt = performance.now();
    const first = await takeOne({ leaseMs: SHORT_LEASE });
    const second = await takeOne();
    // The carrier counts by a clock of its own.
    expect(performance.now() - askedAt).toBeGreaterThanOrEqual(SHORT_LEASE - 50);
    expect(second).toMatchObject({ id: first.id, body: first.body, deliveries: 2 });
  });

  check('a retry that becomes due while it waits', async ({ transport, publish, takeOne }) => {
    await publish(outgoing());
    const { id, receipt } = await takeOne();
    await transport.settle(ORDERS, [{ receipt, action: 'retry', delayMs: 1_000 }]);
    const waiting = await transport.receive(ORDERS, { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE });
    expect(only(waiting)).toMatchObject({ id, deliveries: 2 });
  });

  check('a message again, and counts, each time its lease ends', async ({ publish, takeOne }) => {
    await publish(outgoing());
    for (const deliveries of [1, 2, 3]) {
      expect(await takeOne({ leaseMs: SHORT_LEASE })).toHaveProperty('deliveries', deliveries);
    }
  });

  check('each message for one of many who wait', async ({ transport, publish }) => {
    const options = { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE };
    const deadline = performance.now() + 12_000;
    async function wait(): Promise<Incoming[]> {
      const received = await transport.receive(ORDERS, options);
      // An emulator may wake all who wait for one message, and answer the others that there is none.
      return received.length > 0 || performance.now() > deadline ? received : wait();
    }
    const waiting = Array.from({ length: 20 }, wait);
    const messages = Array.from({ length: 20 }, () => outgoing());
    await publish(...messages.slice(0, 10));
    await publish(...messages.slice(10));
    const received = idsOf((await Promise.all(waiting)).flat());
    expect(received.sort()).toEqual(idsOf(messages).sort());
  });

  check('nothing, after the wait that was asked for', async ({ transport }) => {
    const startedAt = performance.now();
    const options = { max: 1, waitMs: 1_000, leaseMs: LONG_LEASE };
    expect(await transport.receive(ORDERS, options)).toEqual([]);
    const ms = performance.now() - startedAt;
    expect(ms).toBeGreaterThanOrEqual(950);
    expect(ms).toBeLessThan(4_000);
  });

  check('a message as soon as it is there', async ({ transport, publish }) => {
    const startedAt = performance.now();
    const waiting = transport.receive(ORDERS, { max: 10, waitMs: 15_000, leaseMs: LONG_LEASE });
    const message = outgoing();
    await publish(message);
    expect(only(await waiting).id).toBe(message.id);
    expect(performance.now() - startedAt).toBeLessThan(12_000);
  });

  check(
    'a message that becomes ready while it waits',
    async ({ transport, publish }) => {
      await publish(outgoing({ delayMs: 1_000 }));
      const startedAt = performance.now();
      const options = { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE };
      expect(await transport.receive(ORDERS, options)).toHaveLength(1);
      expect(performance.now() - startedAt).toBeLessThan(12_000);
    },
    ifDelayRefused,
  );

  check('nothing more once it is told to stop', async ({ transport }) => {
    const stop = new AbortController();
    const options = { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE, signal: stop.signal };
    const waiting = transport.receive(ORDERS, options);
    // Another poll has come and gone meanwhile, so the first is waiting.
    await transport.receive(ORDERS, { ...options, waitMs: 0 });
    const stoppedAt = performance.now();
    stop.abort();
    expect(await waiting).toEqual([]);
    expect(await transport.receive(ORDERS, options)).toEqual([]);
    expect(performance.now() - stoppedAt).toBeLessThan(1_000);
  });
}
