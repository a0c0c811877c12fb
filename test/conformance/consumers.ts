import { expect } from 'vitest';
import type { Check } from './suite.ts';
import { LONG_LEASE, ORDERS, outgoing, RETURNS, STOCK } from './world.ts';

export function consumers(check: Check): void {
  check('who consumes, where it says that it knows, and nothing where it does not', async ({ transport }) => {
    expect(transport.consumers !== undefined).toBe(transport.capabilities.has('consumers'));
    expect((await transport.consumers?.(ORDERS)) ?? []).toEqual([]);
  });

  check('each consumer by its name, with what it holds', async ({ carrier, transport, publish }) => {
    if (transport.consumers === undefined) return;
    const before = Date.now() - 5_000;
    await publish(outgoing(), outgoing(), outgoing());
    const options = { waitMs: 2_000, leaseMs: LONG_LEASE };
    const [first] = await transport.receive(ORDERS, { ...options, max: 1, consumer: 'one-1-a' });
    await transport.receive(ORDERS, { ...options, max: 2, consumer: 'two-2-b' });
    const list = async () =>
      (await transport.consumers?.(ORDERS))?.toSorted((a, b) => a.name.localeCompare(b.name));
    const seen = await list();
    expect(seen).toMatchObject([
      { name: 'one-1-a', inFlight: 1 },
      { name: 'two-2-b', inFlight: 2 },
    ]);
    for (const { since, lastSeen } of seen ?? []) {
      expect(since).toBeGreaterThan(before);
      expect(lastSeen).toBeGreaterThanOrEqual(since);
      expect(lastSeen).toBeLessThan(Date.now() + 5_000);
    }
    if (first === undefined) throw new Error('nothing came');
    await transport.settle(ORDERS, [{ receipt: first.receipt, action: 'ack' }]);
    expect(await list()).toMatchObject([
      { name: 'one-1-a', inFlight: 0 },
      { name: 'two-2-b', inFlight: 2 },
    ]);
    expect(await transport.consumers(carrier.alone ? RETURNS : STOCK)).toEqual([]);
  });

  check('who holds what comes again, and for how long it is extended', async ({ transport, publish }) => {
    if (transport.consumers === undefined) return;
    await publish(outgoing(), outgoing());
    const options = { max: 2, waitMs: 2_000, leaseMs: LONG_LEASE };
    const taken = await transport.receive(ORDERS, { ...options, consumer: 'one-1-a' });
    const released = taken.map(({ receipt }) => ({ receipt, action: 'release' }) as const);
    await transport.settle(ORDERS, released);
    const [first] = await transport.receive(ORDERS, { ...options, max: 1, consumer: 'one-1-a' });
    const [second] = await transport.receive(ORDERS, { ...options, max: 1, consumer: 'two-2-b' });
    if (first === undefined || second === undefined) throw new Error('they have not come again');
    const held = async () =>
      new Map((await transport.consumers?.(ORDERS))?.map(({ name, inFlight }) => [name, inFlight]));
    expect(await held()).toEqual(
      new Map([
        ['one-1-a', 1],
        ['two-2-b', 1],
      ]),
    );
    await transport.extend(ORDERS, [first.receipt, second.receipt], LONG_LEASE / 2);
    await transport.settle(ORDERS, [{ receipt: second.receipt, action: 'ack' }]);
    expect(await held()).toEqual(
      new Map([
        ['one-1-a', 1],
        ['two-2-b', 0],
      ]),
    );
  });

  check('nobody of those that do not name themselves', async ({ transport, publish, takeOne }) => {
    if (transport.consumers === undefined) return;
    await publish(outgoing());
    await takeOne();
    expect(await transport.consumers(ORDERS)).toEqual([]);
  });
}
