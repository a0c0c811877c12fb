import { expect } from 'vitest';
import type { Check } from './suite.ts';
import { LONG_LEASE, ORDERS, outgoing, topologyFor } from './world.ts';

export function lifecycle(check: Check): void {
  check('with limits that can be worked with', async ({ transport }) => {
    const { limits } = transport;
    for (const [name, value] of Object.entries(limits)) {
      expect(Number.isSafeInteger(value) && value > 0, `${name} is ${value}`).toBe(true);
    }
    expect(limits.messageBytes).toBeLessThanOrEqual(limits.sendBytes - 16_384);
    expect(limits.granularityMs).toBeLessThanOrEqual(1_000);
    expect(transport.name).toMatch(/^[a-z0-9+]+$/);
    for (const capability of transport.capabilities) expect(['ordered', 'consumers']).toContain(capability);
  });

  check('what is there already, and changes nothing', async ({ transport, publish, takeOne }) => {
    const message = outgoing();
    await publish(message);
    await transport.provision();
    await transport.verify();
    expect((await takeOne()).id).toBe(message.id);
  });

  check('nothing that is not there, and names it', async ({ carrier, topology }) => {
    if (!carrier.provisions) return;
    const transport = await carrier.open(topologyFor(`${topology.prefix}-x`));
    const options = { max: 1, waitMs: 0, leaseMs: LONG_LEASE };
    const calls = {
      verify: () => transport.verify(),
      send: () => transport.send('orders', [outgoing()]),
      receive: () => transport.receive(ORDERS, options),
      depth: () => transport.depth(ORDERS),
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
      () => transport.deadLetters.scan(ORDERS, options),
      () => transport.provision(),
      () => transport.verify(),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'Closed', retryable: false });
    }
    expect(performance.now() - closedAt).toBeLessThan(2_000);
  });
}
