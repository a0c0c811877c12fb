import { expect, vi } from 'vitest';
import { newId } from '../../src/message/id.ts';
import { readHistory, replayHistory } from '../../src/operate/history.ts';
import type {
  Address,
  History,
  HistoryMessage,
  Incoming,
  Outgoing,
  Transport,
} from '../../src/transport/transport.ts';
import type { Check } from './suite.ts';
import {
  expectCode,
  type Facts,
  idsOf,
  LONG_LEASE,
  ORDERS,
  only,
  outgoing,
  STOCK,
  type World,
} from './world.ts';

const unlessKept = ({ capabilities }: Facts): string | undefined =>
  capabilities.has('history') ? undefined : 'it keeps no history';

export function history(check: Check): void {
  check('where it says so, and is refused where it does not', async ({ transport }) => {
    expect(transport.history !== undefined).toBe(transport.capabilities.has('history'));
    const range = { from: 0, to: Date.now() };
    for (const reading of [readHistory(transport, ORDERS, range), replayHistory(transport, ORDERS, range)]) {
      if (transport.history !== undefined) expect(await reading.next()).toMatchObject({ done: true });
      else await expect(reading.next()).rejects.toMatchObject({ code: 'Unsupported', retryable: false });
    }
  });

  check(
    'from which a subscription, and no other, gets all once more: to the byte, as if for the first time',
    async (world) => {
      const { transport, poll } = world;
      const messages = [
        outgoing({ body: '{"said":"ünïcödé\\n飛脚"}', headers: { a: '1', b: '2' }, key: 'k' }),
        outgoing(),
        outgoing(),
      ];
      await world.publish(...messages);
      const first = await handle(world, 3);
      await handle(world, 3, STOCK);
      const kept = await read(transport);
      expect(kept).toMatchObject(
        messages.map(({ id, headers, key }) => ({ id, headers, undone: false, ...(key && { key }) })),
      );
      expect(kept.map(({ enqueuedAt }) => enqueuedAt)).toEqual(first.map(({ enqueuedAt }) => enqueuedAt));
      const again = kept.map((message) => ({ message, headers: { ...message.headers, replayed: '1' } }));
      expect(await keeper(transport).replay(ORDERS, again)).toEqual(['replayed', 'replayed', 'replayed']);
      expect(await transport.depth(ORDERS)).toEqual({ ready: 3, inFlight: 0, delayed: 0, dead: 0 });
      const second = await handle(world, 3);
      const byId = <One extends { id: string }>(list: readonly One[]) =>
        list.toSorted((a, b) => a.id.localeCompare(b.id));
      expect(byId(second)).toMatchObject(
        byId(messages).map(({ id, body, headers, key }) => ({
          id,
          body,
          headers: { ...headers, replayed: '1' },
          deliveries: 1,
          ...(key && { key }),
        })),
      );
      expect(await poll(STOCK)).toEqual([]);
      expect(await transport.depth(STOCK)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
    },
    unlessKept,
  );

  check(
    'by time: from a moment on, and before another',
    async (world) => {
      const { transport } = world;
      for (let count = 0; count < 3; count++) {
        const { enqueuedAt } = await handled(world, outgoing());
        // So that the next one is of another moment.
        await vi.waitUntil(() => Date.now() > enqueuedAt + 5, { interval: 2 });
      }
      const [one, two, three] = await read(transport);
      if (one === undefined || two === undefined || three === undefined) throw new Error('not all is kept');
      const at = (from: number, to: number) => read(transport, { from, to });
      expect(idsOf(await at(two.enqueuedAt, three.enqueuedAt))).toEqual([two.id]);
      expect(idsOf(await at(one.enqueuedAt, three.enqueuedAt))).toEqual([one.id, two.id]);
      expect(idsOf(await at(two.enqueuedAt, three.enqueuedAt + 1))).toEqual([two.id, three.id]);
      expect(await at(two.enqueuedAt, two.enqueuedAt)).toEqual([]);
      expect(await at(three.enqueuedAt, one.enqueuedAt)).toEqual([]);
      expect(await at(three.enqueuedAt + 1, three.enqueuedAt + 1_000)).toEqual([]);
    },
    unlessKept,
  );

  check(
    'page by page',
    async (world) => {
      const { transport, publish } = world;
      const messages = Array.from({ length: 7 }, () => outgoing());
      await publish(...messages);
      await handle(world, 7);
      const pages: string[][] = [];
      for (let after: HistoryMessage | undefined; ; ) {
        const page = await keeper(transport).read(ORDERS, {
          ...ALL,
          max: 3,
          ...(after !== undefined && { after: after.receipt }),
        });
        if (page.length === 0) break;
        pages.push(idsOf(page));
        after = page.at(-1);
      }
      expect(pages.map(({ length }) => length)).toEqual([3, 3, 1]);
      expect(pages.flat()).toEqual(idsOf(messages));
    },
    unlessKept,
  );

  check(
    'and doubles nothing that is not done: in flight, waiting, or not handed over yet',
    async (world) => {
      const { transport } = world;
      const settle = (one: Incoming, settlement: { action: 'retry'; delayMs: number } | { action: 'ack' }) =>
        transport.settle(ORDERS, [{ receipt: one.receipt, ...settlement }]);
      const [retried, inFlight, done] = [outgoing(), outgoing(), outgoing()];
      await world.publish(retried, inFlight, done);
      const taken = await world.take(3);
      const of = ({ id }: Outgoing): Incoming => only(taken.filter((one) => one.id === id));
      await settle(of(retried), { action: 'retry', delayMs: 60_000 });
      await settle(of(done), { action: 'ack' });
      const unread = outgoing();
      await world.publish(unread);
      const kept = await read(transport);
      expect(kept).toMatchObject([
        { id: retried.id, undone: true },
        { id: inFlight.id, undone: true },
        { id: done.id, undone: false },
      ]);
      const again = kept.map((message) => ({ message, headers: message.headers }));
      expect(await keeper(transport).replay(ORDERS, again)).toEqual(['undone', 'undone', 'replayed']);
      // The replayed one waits now.
      expect(await keeper(transport).replay(ORDERS, again)).toEqual(['undone', 'undone', 'undone']);
      expect(await transport.depth(ORDERS)).toEqual({ ready: 2, inFlight: 1, delayed: 1, dead: 0 });
      expect(idsOf(await handle(world, 2)).toSorted()).toEqual([done.id, unread.id].toSorted());
    },
    unlessKept,
  );

  check(
    'and takes no message that is not of it',
    async ({ transport }) => {
      const message = { id: newId(), headers: {}, enqueuedAt: 0, undone: false, receipt: {} };
      const [outcome] = await keeper(transport).replay(ORDERS, [{ message, headers: {} }]);
      expectCode(outcome, 'Invalid');
      await expect(keeper(transport).read(ORDERS, { ...ALL, max: 1, after: {} })).rejects.toMatchObject({
        code: 'Invalid',
      });
    },
    unlessKept,
  );
}

const ALL = { from: 0, to: 10_000_000_000_000 };

function keeper({ history }: Transport): History {
  if (history === undefined) throw new Error('it keeps no history');
  return history;
}

function read(transport: Transport, range = ALL): Promise<HistoryMessage[]> {
  return keeper(transport).read(ORDERS, { ...range, max: 100 });
}

/** Receives and acknowledges. */
async function handle(
  { transport, take }: World,
  count: number,
  address: Address = ORDERS,
): Promise<Incoming[]> {
  const taken = await take(count, { address, leaseMs: LONG_LEASE });
  const acks = taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
  expect(await transport.settle(address, acks)).toEqual(acks.map(() => 'settled'));
  return taken;
}

async function handled(world: World, message: Outgoing): Promise<Incoming> {
  await world.publish(message);
  return only(await handle(world, 1));
}
