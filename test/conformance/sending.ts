import { expect } from 'vitest';
import type { Check } from './suite.ts';
import {
  expectCode,
  idsOf,
  ifAlone,
  ifDelayRefused,
  LONG_LEASE,
  ORDERS,
  outgoing,
  RETURNS,
  STOCK,
} from './world.ts';

export function sending(check: Check): void {
  check('as many messages at once as it says', async ({ transport, publish, take }) => {
    const messages = Array.from({ length: transport.limits.sendEntries }, () => outgoing());
    await publish(...messages);
    expect(idsOf(await take(messages.length)).sort()).toEqual(idsOf(messages).sort());
  });

  check('no more at once than it says', async ({ transport, poll }) => {
    const { sendEntries } = transport.limits;
    const many = Array.from({ length: sendEntries + 1 }, () => outgoing());
    const answer = await transport.send('orders', many).catch((error: unknown) => error);
    // A carrier without a bound of its own may take them all the same.
    if (answer instanceof Error) expectCode(answer, 'Invalid');
    else expect(answer).toEqual(many.map(() => 'accepted'));
    if (answer instanceof Error) expect(await poll()).toEqual([]);
  });

  check('nothing, and says so', async ({ transport }) => {
    expect(await transport.send('orders', [])).toEqual([]);
  });

  check(
    'a copy to every subscription, each with a life of its own',
    async ({ transport, ...world }) => {
      const message = outgoing({ headers: { a: '1' }, key: 'k' });
      await world.publish(message);
      const { receipt } = await world.takeOne({ address: ORDERS });
      expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
      expect(await world.takeOne({ address: STOCK })).toMatchObject(message);
    },
    ifAlone,
  );

  check('nothing to a subscription there is none of', async ({ transport }) => {
    const [outcome] = await transport.send('orders', [outgoing({ only: ['nobody'] })]);
    expect(outcome).toMatchObject({ error: { code: 'NotFound' } });
  });

  check(
    'only to the subscriptions that are named',
    async ({ publish, takeOne, poll }) => {
      const both = outgoing();
      const one = outgoing({ only: ['stock'] });
      const none = outgoing({ only: [] });
      await publish(one, both, none);
      expect((await takeOne()).id).toBe(both.id);
      expect(await poll(ORDERS)).toEqual([]);
      expect(idsOf(await poll(STOCK)).sort()).toEqual(idsOf([one, both]).sort());
    },
    ifAlone,
  );

  check('to no other topic', async ({ transport, publish, poll, takeOne }) => {
    await publish(outgoing());
    const other = outgoing();
    expect(await transport.send('returns', [other])).toEqual(['accepted']);
    expect((await takeOne({ address: RETURNS })).id).toBe(other.id);
    expect(await poll(RETURNS)).toEqual([]);
  });

  check(
    'later, where a delay is asked for',
    async ({ transport, publish, poll, takeOne }) => {
      const sentAt = performance.now();
      await publish(outgoing({ delayMs: 3_000, only: ['billing'] }));
      expect(await poll()).toEqual([]);
      expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 1, dead: 0 });
      const { deliveries } = await takeOne();
      expect(performance.now() - sentAt).toBeGreaterThanOrEqual(2_990);
      expect(deliveries).toBe(1);
    },
    ifDelayRefused,
  );

  check('nowhere, to a topic or subscription that is unknown', async ({ transport }) => {
    const unknown = [
      { topic: 'nothing', subscription: 'billing' },
      { topic: 'orders', subscription: 'nobody' },
    ];
    await expect(transport.send('nothing', [outgoing()])).rejects.toHaveProperty('code', 'NotFound');
    for (const address of unknown) {
      const options = { max: 1, waitMs: 0, leaseMs: LONG_LEASE };
      for (const call of [
        () => transport.receive(address, options),
        () => transport.settle(address, []),
        () => transport.extend(address, [], LONG_LEASE),
        () => transport.depth(address),
        () => transport.deadLetters.scan(address, options),
      ]) {
        await expect(call()).rejects.toHaveProperty('code', 'NotFound');
      }
    }
  });

  check('what many give at once, and loses and doubles nothing', async ({ transport }) => {
    const sent = Array.from({ length: 300 }, () => outgoing({ only: ['billing'] }));
    const batches = Array.from({ length: 30 }, (_, index) => sent.slice(index * 10, index * 10 + 10));
    const received: string[] = [];
    async function work(): Promise<void> {
      while (received.length < sent.length) {
        const deliveries = await transport.receive(ORDERS, { max: 10, waitMs: 1_000, leaseMs: LONG_LEASE });
        received.push(...idsOf(deliveries));
        const acks = deliveries.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
        if (acks.length > 0) {
          expect(await transport.settle(ORDERS, acks)).toEqual(acks.map(() => 'settled'));
        }
      }
    }
    const workers = [work(), work(), work(), work()];
    const senders = Array.from({ length: 10 }, async (_, sender) => {
      for (const batch of batches.slice(sender * 3, sender * 3 + 3)) {
        expect(await transport.send('orders', batch)).toEqual(batch.map(() => 'accepted'));
      }
    });
    await Promise.all([...senders, ...workers]);
    expect(received.sort()).toEqual(idsOf(sent).sort());
    expect(await transport.depth(ORDERS)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
  });

  check('an answer about every message, in their order', async ({ transport }) => {
    const good = outgoing();
    const bad = outgoing({ body: 'x'.repeat(transport.limits.messageBytes) });
    const outcomes = await transport.send('orders', [bad, good, bad, good]);
    expect([outcomes[1], outcomes[3]]).toEqual(['accepted', 'accepted']);
    for (const outcome of [outcomes[0], outcomes[2]]) {
      if (outcome === 'accepted') throw new Error('it was not refused');
      expectCode(outcome?.error, 'TooLarge');
    }
  });
}
