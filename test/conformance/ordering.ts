import { expect } from 'vitest';
import type { Incoming, Settlement, Transport } from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import {
  expectCode,
  type Facts,
  idsOf,
  ifOrdered,
  LONG_LEASE,
  ORDERS,
  only,
  outgoing,
  SHORT_LEASE,
  STOCK,
  unlessOrdered,
} from './world.ts';

const unlessDeduplicated = ({ ordered, capabilities }: Facts): string | undefined =>
  ordered && capabilities.has('deduplicate') ? undefined : 'it does not claim to deduplicate';
const ifDeduplicated = ({ ordered, capabilities }: Facts): string | undefined =>
  ordered && capabilities.has('deduplicate') ? 'it claims to deduplicate' : undefined;

const ofKey = (key: string, ...names: string[]) =>
  names.map((name) => outgoing({ id: `${key}-${name}-${outgoing().id}`, body: name, key }));

const bodies = (messages: readonly { readonly body: string }[]) => messages.map(({ body }) => body);

const released = (deliveries: readonly Incoming[]): Settlement[] =>
  deliveries.map(({ receipt }) => ({ receipt, action: 'release' }));

export function ordering(check: Check): void {
  check(
    'of a key, through acknowledgements, releases and retries',
    async ({ transport, publish }) => {
      await publish(...ofKey('k', 'a', 'b', 'c', 'd', 'e'));
      const seen: string[] = [];
      for (const action of ['ack', 'release', 'ack', 'retry', 'ack', 'ack', 'ack'] as const) {
        // All that comes of the key together: only its first is ended, and the rest given back.
        const taken = await takeSome(transport);
        const { receipt, body } = firstOf(taken);
        seen.push(body);
        await transport.settle(ORDERS, [
          action === 'retry' ? { receipt, action, delayMs: 1_000 } : { receipt, action },
          ...released(taken.slice(1)),
        ]);
      }
      expect(seen).toEqual(['a', 'b', 'b', 'c', 'c', 'd', 'e']);
    },
    unlessOrdered,
  );

  check(
    'within what one receive brings',
    async ({ transport, publish }) => {
      await publish(...ofKey('k', 'a', 'b', 'c'));
      const seen: string[] = [];
      while (seen.length < 3) {
        const options = { max: 10, waitMs: 5_000, leaseMs: LONG_LEASE };
        const taken = await transport.receive(ORDERS, options);
        expect(taken.length).toBeGreaterThan(0);
        seen.push(...bodies(taken));
        await transport.settle(
          ORDERS,
          taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const),
        );
      }
      expect(seen).toEqual(['a', 'b', 'c']);
    },
    unlessOrdered,
  );

  check(
    'and gives nobody more of a key while one of it is in flight',
    async ({ transport, publish, take, poll }) => {
      await publish(...ofKey('k', 'a', 'b'), ...ofKey('other', 'x'));
      const seen = await take(1);
      const held = bodies(seen)[0] === 'a' ? seen : await take(1);
      expect(bodies(held)).toEqual(['a']);
      const others = [...seen, ...held, ...(await poll()), ...(await poll())];
      expect(bodies(others)).not.toContain('b');
      expect(bodies(others)).toContain('x');
      const { receipt } = only(held);
      expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
      expect(bodies(await take(1))).toEqual(['b']);
    },
    unlessOrdered,
  );

  check(
    'and holds up a key behind a failure, and no other',
    async ({ transport, publish, take }) => {
      await publish(...ofKey('k', 'a', 'b', 'c'));
      const taken = await takeSome(transport);
      const { body, receipt } = firstOf(taken);
      expect(body).toBe('a');
      await transport.settle(ORDERS, [
        { receipt, action: 'retry', delayMs: 2_000 },
        ...released(taken.slice(1)),
      ]);
      await publish(...ofKey('other', 'x'));
      const options = { max: 10, waitMs: 1_000, leaseMs: LONG_LEASE };
      expect(bodies(await transport.receive(ORDERS, options))).toEqual(['x']);
      expect(bodies(await transport.receive(ORDERS, { ...options, waitMs: 0 }))).toEqual([]);
      const again = only(await take(1));
      expect(again).toMatchObject({ body: 'a', deliveries: 2 });
    },
    unlessOrdered,
  );

  check(
    'when a batch is given back from its end',
    async ({ transport, publish, take }) => {
      await publish(...ofKey('k', 'a', 'b', 'c'));
      const taken = await takeSome(transport);
      for (const { receipt } of taken.toReversed()) {
        expect(await transport.settle(ORDERS, [{ receipt, action: 'release' }])).toEqual(['settled']);
      }
      for (const body of ['a', 'b', 'c']) {
        const { receipt, ...delivery } = only(await take(1));
        expect(delivery.body).toBe(body);
        await transport.settle(ORDERS, [{ receipt, action: 'ack' }]);
      }
    },
    unlessOrdered,
  );

  check(
    'when a lease ends: the same message first',
    async ({ publish, take }) => {
      await publish(...ofKey('k', 'a', 'b'));
      const taken = await take(1, { leaseMs: SHORT_LEASE });
      expect(bodies(taken)).toEqual(['a']);
      expect(bodies(await take(1))).toEqual(['a']);
    },
    unlessOrdered,
  );

  check(
    'and goes on with a key after a dead letter',
    async ({ transport, publish, take }) => {
      await publish(...ofKey('k', 'a', 'b'));
      const taken = await takeSome(transport);
      await transport.settle(ORDERS, [
        { receipt: firstOf(taken).receipt, action: 'deadLetter', headers: {} },
        ...released(taken.slice(1)),
      ]);
      expect(bodies(await take(1))).toEqual(['b']);
    },
    unlessOrdered,
  );

  check(
    'and shows all dead letters of a key at once, with their key',
    async ({ transport, deadLetter }) => {
      const messages = ofKey('k', 'a', 'b', 'c');
      for (const message of messages) await deadLetter(message, {});
      const seen: { id: string; key?: string }[] = [];
      while (seen.length < 3) {
        const page = await transport.deadLetters.scan(ORDERS, { max: 10, leaseMs: LONG_LEASE });
        expect(page.length).toBeGreaterThan(0);
        seen.push(...page);
      }
      expect(idsOf(seen).sort()).toEqual(idsOf(messages).sort());
      expect(seen.map(({ key }) => key)).toEqual(['k', 'k', 'k']);
    },
    unlessOrdered,
  );

  check(
    'and takes back a dead letter of a key each time it is replayed, behind the others',
    async ({ transport, publish, take, deadLetter, scanOne }) => {
      const [a, b] = ofKey('k', 'a', 'b');
      if (a === undefined || b === undefined) return;
      await deadLetter(a, {});
      await publish({ ...b, only: ['billing'] });
      for (const round of [1, 2]) {
        const letter = await scanOne();
        const headers = { 'hikyaku-replays': `${round}` };
        expect(await transport.deadLetters.replay(ORDERS, [{ letter, headers }])).toEqual(['settled']);
        const seen: string[] = [];
        while (!seen.includes('a')) {
          for (const { body, receipt } of await take(1)) {
            seen.push(body);
            await transport.settle(ORDERS, [
              body === 'a' ? { receipt, action: 'deadLetter', headers: {} } : { receipt, action: 'ack' },
            ]);
          }
        }
        expect(seen).toEqual(round === 1 ? ['b', 'a'] : ['a']);
      }
    },
    unlessOrdered,
  );

  check(
    'in each subscription by itself',
    async ({ publish, take }) => {
      await publish(...ofKey('k', 'a', 'b'));
      await take(1);
      expect(bodies(await take(1, { address: STOCK }))).toEqual(['a']);
    },
    unlessOrdered,
  );

  check(
    'and none among messages without a key',
    async ({ publish, take }) => {
      const messages = ['a', 'b', 'c'].map((body) => outgoing({ body }));
      await publish(...messages);
      const seen = [...(await take(1)), ...(await take(1)), ...(await take(1))];
      expect(idsOf(seen).sort()).toEqual(idsOf(messages).sort());
      for (const delivery of seen) expect(delivery).not.toHaveProperty('key');
    },
    unlessOrdered,
  );

  check(
    'and delays no message, but says so',
    async ({ transport, take }) => {
      const [delayed, next] = ofKey('k', 'a', 'b');
      if (delayed === undefined || next === undefined) return;
      const outcomes = await transport.send('orders', [
        { ...delayed, delayMs: 1_000 },
        { ...next, delayMs: 0 },
      ]);
      expect(outcomes[1]).toBe('accepted');
      const refused = outcomes[0];
      expectCode(refused === 'accepted' ? undefined : refused?.error, 'Unsupported');
      expect(bodies(await take(1))).toEqual(['b']);
    },
    unlessOrdered,
  );

  check(
    'of many keys at once, whoever works on them',
    async ({ transport }) => {
      const keys = Array.from({ length: 8 }, (_, index) => `key-${index}`);
      const all = keys.map((key) => ofKey(key, ...Array.from({ length: 10 }, (_, n) => `${n}`)));
      const send = async (messages: readonly ReturnType<typeof outgoing>[]) => {
        for (const message of messages) {
          const mine = { ...message, only: ['billing'] };
          expect(await transport.send('orders', [mine])).toEqual(['accepted']);
        }
      };
      const done = new Map(keys.map((key) => [key, [] as string[]]));
      const busy = new Set<string>();
      let count = 0;
      const work = async () => {
        while (count < 80) {
          const options = { max: 10, waitMs: 1_000, leaseMs: LONG_LEASE };
          const taken = await transport.receive(ORDERS, options);
          const mine = new Set(taken.map(({ key = '' }) => key));
          for (const key of mine) {
            expect(busy, 'two consumers had a key at once').not.toContain(key);
            busy.add(key);
          }
          for (const { key = '', body } of taken) done.get(key)?.push(body);
          for (const key of mine) busy.delete(key);
          count += taken.length;
          if (taken.length === 0) continue;
          await transport.settle(
            ORDERS,
            taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const),
          );
        }
      };
      await Promise.all([...all.map(send), work(), work(), work(), work()]);
      for (const key of keys) expect(done.get(key)).toEqual(Array.from({ length: 10 }, (_, n) => `${n}`));
    },
    unlessOrdered,
  );

  check(
    'and stores once what is sent again under its id',
    async ({ transport, publish, take, poll }) => {
      const message = outgoing({ key: 'k' });
      await publish(message);
      await publish(message);
      const { receipt } = only(await take(1));
      expect(await transport.settle(ORDERS, [{ receipt, action: 'ack' }])).toEqual(['settled']);
      await publish(message);
      expect(await poll()).toEqual([]);
    },
    unlessDeduplicated,
  );

  check(
    'or not; and stores twice what is sent twice, where it does not claim otherwise',
    async ({ publish, take }) => {
      const message = outgoing();
      await publish(message);
      await publish(message);
      expect(idsOf(await take(2))).toEqual([message.id, message.id]);
    },
    ifDeduplicated,
  );

  check(
    'only where it is asked for: elsewhere a key holds up nobody',
    async ({ publish, take }) => {
      const messages = ofKey('k', 'a', 'b');
      await publish(...messages);
      const seen = [...(await take(1)), ...(await take(1))];
      expect(idsOf(seen).sort()).toEqual(idsOf(messages).sort());
    },
    ifOrdered,
  );
}

/** What one receive brings. */
async function takeSome(transport: Transport): Promise<Incoming[]> {
  const taken = await transport.receive(ORDERS, { max: 10, waitMs: 8_000, leaseMs: LONG_LEASE });
  expect(taken.length).toBeGreaterThan(0);
  return taken;
}

function firstOf(taken: readonly Incoming[]): Incoming {
  return only(taken.slice(0, 1));
}
