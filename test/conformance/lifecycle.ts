import { expect } from 'vitest';
import { checkCapabilities } from '../../src/transport/capabilities.ts';
import type { Capability } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import { type Facts, LONG_LEASE, ORDERS, only, outgoing, topologyFor } from './world.ts';

const CAPABILITIES: readonly Capability[] = ['ordered', 'deduplicate', 'consumers', 'history', 'broadcast'];

const unlessProvisioned = ({ provisions }: Facts): string | undefined =>
  provisions ? undefined : 'nothing has to be provisioned';
const ifLocal = ({ local }: Facts): string | undefined =>
  local ? 'it holds messages in this process only' : undefined;

export function lifecycle(check: Check): void {
  check('with limits that can be worked with', async ({ carrier, transport }) => {
    const { limits } = transport;
    for (const [name, value] of Object.entries(limits)) {
      expect(Number.isSafeInteger(value) && value > 0, `${name} is ${value}`).toBe(true);
    }
    expect(limits.messageBytes).toBeLessThanOrEqual(limits.sendBytes - 16_384);
    expect(limits.granularityMs).toBeLessThanOrEqual(1_000);
    expect(transport.name).toMatch(/^[a-z0-9+]+$/);
    for (const capability of transport.capabilities) expect(CAPABILITIES).toContain(capability);
    expect(transport.keepsOrder?.('orders') ?? false).toBe(carrier.ordered ?? false);
    expect(transport.keepsOrder?.('nothing') ?? false).toBe(false);
    expect(transport.maxDeliveries?.(ORDERS)).toBe(transport.capabilities.has('ordered') ? 100 : undefined);
  });

  check('what is there already, and changes nothing', async ({ transport, publish, takeOne }) => {
    const message = outgoing();
    await publish(message);
    await transport.provision();
    await transport.verify();
    expect((await takeOne()).id).toBe(message.id);
  });

  check(
    'nothing that is not there, and names it',
    async ({ carrier, topology }) => {
      const transport = await carrier.open({ ...topology, prefix: `${topology.prefix}-x` });
      const options = { max: 1, waitMs: 0, leaseMs: LONG_LEASE };
      const calls = {
        verify: () => transport.verify(),
        send: () => transport.send('orders', [outgoing()]),
        receive: () => transport.receive(ORDERS, options),
        depth: () => transport.depth(ORDERS),
        ...(transport.consumers !== undefined && { consumers: () => transport.consumers?.(ORDERS) }),
        ...(transport.history !== undefined && {
          history: () => transport.history?.read(ORDERS, { from: 0, to: Date.now(), max: 1 }),
        }),
        scan: () => transport.deadLetters.scan(ORDERS, options),
      };
      for (const [name, call] of Object.entries(calls)) {
        const error = { code: 'NotFound', retryable: false, message: expect.stringContaining('orders') };
        await expect(call(), name).rejects.toMatchObject(error);
      }
      await transport.provision();
      await transport.verify();
      expect(await transport.send('orders', [outgoing()])).toEqual(['accepted']);
      await transport.close();
    },
    unlessProvisioned,
  );

  check(
    'what another has left behind',
    async ({ carrier, topology, publish }) => {
      const message = outgoing({ key: 'k' });
      await publish(message);
      const other = await carrier.open(topology);
      try {
        const options = { max: 1, waitMs: 5_000, leaseMs: LONG_LEASE };
        const { id, receipt } = only(await other.receive(ORDERS, options));
        expect(id).toBe(message.id);
        expect(await other.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
      } finally {
        await other.close();
      }
    },
    ifLocal,
  );

  check('by several who make the same at once', async ({ carrier, topology }) => {
    const twice = { ...topology, prefix: `${topology.prefix}-y` };
    const all = await Promise.all([1, 2, 3].map(() => carrier.open(twice)));
    await Promise.all(all.map((transport) => transport.provision()));
    await Promise.all(all.map((transport) => transport.verify()));
    await Promise.all(all.map((transport) => transport.close()));
  });

  check('while calls are under way, which all end', async ({ transport }) => {
    const calls = [
      ...Array.from({ length: 10 }, () => transport.send('orders', [outgoing()])),
      ...Array.from({ length: 5 }, () =>
        transport.receive(ORDERS, { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE }),
      ),
      transport.depth(ORDERS),
    ];
    const startedAt = performance.now();
    const ended = Promise.allSettled(calls);
    await Promise.all([transport.close(), transport.close()]);
    for (const outcome of await ended) {
      if (outcome.status === 'rejected') expect(outcome.reason).toHaveProperty('code', 'Closed');
    }
    expect(performance.now() - startedAt).toBeLessThan(12_000);
  });

  check('no topic that asks for order, where it keeps none', async ({ transport }) => {
    const ordered = topologyFor('ordered', true);
    if (transport.capabilities.has('ordered')) {
      expect(() => checkCapabilities(transport, ordered)).not.toThrow();
    } else {
      const refused = expect.objectContaining({ code: 'Unsupported', retryable: false });
      expect(() => checkCapabilities(transport, ordered)).toThrow(refused);
    }
  });

  check('once, and closes for good', async ({ transport, publish, takeOne }) => {
    await publish(outgoing());
    const { receipt } = await takeOne();
    const options = { max: 1, waitMs: 15_000, leaseMs: LONG_LEASE };
    const waiting = transport.receive(ORDERS, options).catch((error: unknown) => error);
    await transport.receive(ORDERS, { ...options, waitMs: 0 });
    const closedAt = performance.now();
    await transport.close();
    await transport.close();
    expect(await waiting).toHaveProperty('code', 'Closed');
    for (const call of [
      () => transport.send('orders', [outgoing()]),
      () => transport.receive(ORDERS, options),
      () => transport.settle(ORDERS, [{ receipt, action: 'ack' }]),
      () => transport.extend(ORDERS, [receipt], LONG_LEASE),
      () => transport.depth(ORDERS),
      ...(transport.consumers !== undefined ? [() => transport.consumers?.(ORDERS)] : []),
      ...(transport.history !== undefined
        ? [
            () => transport.history?.read(ORDERS, { from: 0, to: Date.now(), max: 1 }),
            () => transport.history?.replay(ORDERS, []),
          ]
        : []),
      () => transport.deadLetters.scan(ORDERS, options),
      () => transport.provision(),
      () => transport.verify(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'Closed', retryable: false });
    }
    expect(performance.now() - closedAt).toBeLessThan(2_000);
  });
}
