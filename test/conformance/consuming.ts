import { expect, vi } from 'vitest';
import * as z from 'zod/mini';
import { type Handler, Postpone, Reject, RetryAfter } from '../../src/consume/handler.ts';
import { startWorker, type WorkerOptions } from '../../src/consume/worker.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { listDeadLetters, purgeDeadLetters, replayDeadLetters } from '../../src/operate/dead-letters.ts';
import { createPublisher } from '../../src/publish/publisher.ts';
import type { Address } from '../../src/transport/transport.ts';
import { faulty } from '../support/faulty.ts';
import { refusingOneDeadLetter } from '../support/refusing.ts';
import type { Check } from './suite.ts';
import {
  ifAlone,
  ORDERS,
  outgoing,
  SHORT_LEASE,
  STOCK,
  topologyFor,
  unlessOrdered,
  type World,
} from './world.ts';

const Order = defineMessage({ name: 'orders', version: 1, schema: z.object({ n: z.number() }) });
type Order = { n: number };

/** Waits, so that nothing in a case hangs on how fast the carrier is. */
const WAIT = { timeout: 15_000, interval: 20 };

/** Publishes orders 0 to count − 1 and asserts that all were accepted; `key` says whose each is. */
async function publishOrders(
  { transport }: World,
  count: number,
  key: (n: number) => string | undefined = () => undefined,
): Promise<string[]> {
  const publisher = createPublisher({ transport });
  const items = Array.from({ length: count }, (_, n) => ({ data: { n }, key: key(n) }));
  const outcomes = await publisher.publishMany(Order, items);
  await publisher.close();
  return outcomes.map((outcome) => {
    if (outcome.status === 'failed') throw outcome.error;
    return outcome.id;
  });
}

/** Runs a worker while `until` is not yet so, and closes it. */
async function working(
  { transport }: World,
  handler: Handler<Order>,
  until: () => Promise<void> | void,
  options: Partial<WorkerOptions<Order>> & { readonly address?: Address } = {},
): Promise<void> {
  const worker = startWorker({
    transport,
    address: ORDERS,
    contract: Order,
    retry: { baseMs: 0, maxMs: 0, maxAttempts: 3 },
    handler,
    ...options,
  });
  try {
    await vi.waitFor(until, WAIT);
  } finally {
    // Not cut short: a poll that is aborted may take a message with it.
    await worker.close();
  }
}

async function expectEmpty({ transport }: World, dead = 0, address: Address = ORDERS): Promise<void> {
  const empty = { ready: 0, inFlight: 0, delayed: 0, dead };
  await vi.waitFor(async () => expect(await transport.depth(address)).toEqual(empty), WAIT);
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const ascending = (list: readonly number[]) => list.toSorted((one, other) => one - other);

export function consuming(check: Check): void {
  check('handle everything, once where nothing fails', async (world) => {
    await publishOrders(world, 60);
    const handled: number[] = [];
    await working(
      world,
      async ({ data }) => void handled.push(data.n),
      () => expect(handled).toHaveLength(60),
    );
    expect(ascending(handled)).toEqual(numbers(60));
    await expectEmpty(world);
  });

  check('share a subscription among several workers', async (world) => {
    await publishOrders(world, 60);
    const handled: number[] = [];
    const handler = async ({ data }: { data: Order }) => void handled.push(data.n);
    const all = () => expect(handled).toHaveLength(60);
    await Promise.all([1, 2, 3].map(() => working(world, handler, all, { concurrency: 5 })));
    expect(ascending(handled)).toEqual(numbers(60));
  });

  check(
    'bring every subscription every message',
    async (world) => {
      await publishOrders(world, 10);
      const counts = await Promise.all(
        [ORDERS, STOCK].map(async (address) => {
          const handled: number[] = [];
          await working(
            world,
            async ({ data }) => void handled.push(data.n),
            () => expect(handled).toHaveLength(10),
            { address },
          );
          return ascending(handled);
        }),
      );
      expect(counts).toEqual([numbers(10), numbers(10)]);
    },
    ifAlone,
  );

  check('try again what fails, and count the attempts', async (world) => {
    await publishOrders(world, 1);
    const attempts: number[] = [];
    await working(
      world,
      (_, { attempt }) => {
        attempts.push(attempt);
        if (attempt < 3) throw new Error('not now');
      },
      () => expect(attempts).toHaveLength(3),
    );
    expect(attempts).toEqual([1, 2, 3]);
    await expectEmpty(world);
  });

  check('try again when the handler asks to, and not before', async (world) => {
    await publishOrders(world, 1);
    const at: number[] = [];
    await working(
      world,
      () => {
        at.push(performance.now());
        if (at.length === 1) throw new RetryAfter(2_000);
      },
      () => expect(at).toHaveLength(2),
    );
    expect((at[1] ?? 0) - (at[0] ?? 0)).toBeGreaterThanOrEqual(1_990);
  });

  check('postpone more often than a message may be delivered, and count no attempt', async (world) => {
    const { carrier, topology, transport: whole } = world;
    // Where it goes on being counted it has to be delivered as often.
    const most = whole.countsPostponed?.(ORDERS.topic) ? 100 : 4;
    const few = topologyFor(`${topology.prefix}p`, carrier.ordered ?? false, carrier.alone, most);
    const transport = await carrier.open(few);
    try {
      await transport.provision();
      await publishOrders({ ...world, transport }, 1);
      let postponed = 0;
      const attempts: number[] = [];
      await working(
        { ...world, transport },
        (_, { attempt }) => {
          if (postponed < 6) {
            postponed++;
            throw new Postpone(1);
          }
          attempts.push(attempt);
          throw new Error('no');
        },
        () => expectEmpty({ ...world, transport }, 1),
      );
      expect({ postponed, attempts }).toEqual({ postponed: 6, attempts: [1, 2, 3] });
    } finally {
      await transport.close();
    }
  });

  check('give up after the last attempt, with reason, history and all its bytes', async (world) => {
    const { transport } = world;
    const [id = ''] = await publishOrders(world, 1);
    let attempts = 0;
    await working(
      world,
      () => {
        attempts++;
        throw new TypeError(`no. ${attempts}`);
      },
      () => expectEmpty(world, 1),
    );
    const [view] = await listDeadLetters(transport, ORDERS);
    expect(view).toMatchObject({ id, replays: 0, reason: { code: 'exhausted', attempts: 3 } });
    expect(view?.reason.message).toBe('TypeError: no. 3');
    expect(view?.reason.history.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(JSON.parse(view?.body ?? '')).toMatchObject({ id, data: { n: 0 } });
  });

  check('give up at once what its handler rejects', async (world) => {
    await publishOrders(world, 1);
    let attempts = 0;
    await working(
      world,
      () => {
        attempts++;
        throw new Reject('no such customer');
      },
      () => expectEmpty(world, 1),
    );
    expect(attempts).toBe(1);
    const [view] = await listDeadLetters(world.transport, ORDERS);
    expect(view?.reason).toMatchObject({ code: 'rejected', message: 'no such customer', attempts: 1 });
  });

  check('give up what cannot be read, unhandled and to the byte, and go on with the rest', async (world) => {
    const poison = outgoing({ body: 'no JSON: {"飛脚"', only: ['billing'] });
    await world.publish(poison);
    await publishOrders(world, 3);
    const handled: number[] = [];
    await working(
      world,
      async ({ data }) => void handled.push(data.n),
      () => expectEmpty(world, 1),
    );
    expect(ascending(handled)).toEqual([0, 1, 2]);
    const [view] = await listDeadLetters(world.transport, ORDERS);
    expect(view).toMatchObject({
      id: poison.id,
      body: poison.body,
      reason: { code: 'malformed', attempts: 0 },
    });
  });

  check('handle what was given up once it is replayed, as new', async (world) => {
    const [id] = await publishOrders(world, 1);
    await working(
      world,
      () => {
        throw new Reject('not yet');
      },
      () => expectEmpty(world, 1),
    );
    const { done, failed } = await replayDeadLetters(world.transport, ORDERS);
    expect([done.map((view) => view.id), failed]).toEqual([[id], []]);
    const attempts: number[] = [];
    await working(
      world,
      (_, { attempt }) => void attempts.push(attempt),
      () => expect(attempts).toHaveLength(1),
    );
    expect(attempts).toEqual([1]);
    await expectEmpty(world);
  });

  check('replay and purge by reason, and leave the others where they are', async (world) => {
    const { transport } = world;
    for (const code of ['rejected', 'exhausted', 'rejected', 'exhausted', 'exhausted']) {
      const reason = { code, message: 'x', at: '', attempts: 1, history: [] };
      await world.deadLetter(outgoing(), { 'hikyaku-dead': JSON.stringify(reason) });
    }
    expect((await replayDeadLetters(transport, ORDERS, { code: 'rejected' })).done).toHaveLength(2);
    expect(await transport.depth(ORDERS)).toMatchObject({ ready: 2, dead: 3 });
    expect((await purgeDeadLetters(transport, ORDERS, { code: 'rejected' })).done).toHaveLength(0);
    const left = await listDeadLetters(transport, ORDERS);
    expect(left.map(({ reason }) => reason.code)).toEqual(['exhausted', 'exhausted', 'exhausted']);
    const ids = left.slice(0, 1).map(({ id }) => id);
    expect((await purgeDeadLetters(transport, ORDERS, { ids })).done).toHaveLength(1);
    expect((await purgeDeadLetters(transport, ORDERS)).done).toHaveLength(2);
    expect(await transport.depth(ORDERS)).toMatchObject({ ready: 2, dead: 0 });
  });

  check('replay more dead letters than one page shows', async (world) => {
    const { transport } = world;
    const ids = Array.from({ length: 12 }, () => outgoing().id);
    for (const id of ids) await world.deadLetter(outgoing({ id, key: 'k' }), {});
    expect((await listDeadLetters(transport, ORDERS)).map(({ id }) => id).sort()).toEqual(ids.toSorted());
    const { done } = await replayDeadLetters(transport, ORDERS);
    expect(done.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(await transport.depth(ORDERS)).toMatchObject({ ready: 12, dead: 0 });
  });

  check('keep a message for as long as its handler is at work', async (world) => {
    await publishOrders(world, 1);
    let handled = 0;
    let begun = 0;
    await working(
      world,
      async () => {
        begun++;
        await new Promise((resolve) => setTimeout(resolve, 9_000));
        handled++;
      },
      () => expect(handled).toBe(1),
      // A machine that stands still for a while must not end it.
      { leaseMs: 7_000 },
    );
    expect(begun).toBe(1);
    await expectEmpty(world);
  });

  check('take over what another died with, once its lease is over', async (world) => {
    await publishOrders(world, 5);
    await world.take(2, { leaseMs: SHORT_LEASE });
    const handled: number[] = [];
    await working(
      world,
      async ({ data }) => void handled.push(data.n),
      () => expect(handled).toHaveLength(5),
    );
    expect(ascending(handled)).toEqual(numbers(5));
  });

  check('leave what a closing worker has not begun to the next, and finish what it has', async (world) => {
    const { transport } = world;
    await publishOrders(world, 20);
    const handled: number[] = [];
    let begun = 0;
    const gate = Promise.withResolvers<void>();
    const worker = startWorker({
      transport,
      address: ORDERS,
      contract: Order,
      concurrency: 2,
      handler: async ({ data }) => {
        begun++;
        await gate.promise;
        handled.push(data.n);
      },
    });
    await vi.waitFor(() => expect(begun).toBeGreaterThan(0), WAIT);
    const closed = worker.close();
    gate.resolve();
    await closed;
    const first = handled.length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(20);
    expect(await transport.depth(ORDERS)).toMatchObject({ ready: 20 - first, inFlight: 0 });
    await working(
      world,
      async ({ data }) => void handled.push(data.n),
      () => expect(handled).toHaveLength(20),
    );
    expect(ascending(handled)).toEqual(numbers(20));
  });

  check('send what is unsent when they close, and then no more', async (world) => {
    const publisher = createPublisher({ transport: world.transport });
    const sent = numbers(30).map((n) => publisher.publish(Order, { n }));
    await publisher.close();
    await Promise.all(sent);
    await expect(publisher.publish(Order, { n: 0 })).rejects.toHaveProperty('code', 'Closed');
    expect(await world.transport.depth(ORDERS)).toMatchObject({ ready: 30 });
  });

  check(
    'keep every key in order, through failures',
    async (world) => {
      const keyOf = (n: number) => `key-${n % 3}`;
      await publishOrders(world, 24, keyOf);
      const handled: number[] = [];
      const failed = new Set<number>();
      await working(
        world,
        async ({ data: { n } }) => {
          await new Promise(setImmediate);
          if (n % 5 === 0 && !failed.has(n)) {
            failed.add(n);
            throw new Error('not now');
          }
          handled.push(n);
        },
        () => expect(handled).toHaveLength(24),
      );
      for (const remainder of [0, 1, 2]) {
        const own = (n: number) => n % 3 === remainder;
        expect(handled.filter(own)).toEqual(numbers(24).filter(own));
      }
      await expectEmpty(world);
    },
    unlessOrdered,
  );

  check(
    'keep the place of a message whose dead letter could not be stored',
    async (world) => {
      const { transport } = world;
      await publishOrders(world, 4, () => 'k');
      const handled: number[] = [];
      const refusing = faulty(transport, { settle: refusingOneDeadLetter(() => transport) });
      await working(
        { ...world, transport: refusing },
        ({ data: { n } }) => {
          handled.push(n);
          if (n === 1) throw new Reject('never');
        },
        () => expect(handled).toContain(3),
        { leaseMs: 3_000 },
      );
      await expectEmpty(world, 1);
      expect(handled).toEqual([0, 1, 1, 2, 3]);
    },
    unlessOrdered,
  );

  check(
    'go on with other keys while one waits for its retry, and give what waits all its attempts',
    async (world) => {
      await publishOrders(world, 6, (n) => (n < 3 ? 'a' : 'b'));
      const attempts: [n: number, attempt: number][] = [];
      const handled: number[] = [];
      await working(
        world,
        ({ data: { n } }, { attempt }) => {
          attempts.push([n, attempt]);
          if (n === 0 && attempt < 3) throw new RetryAfter(1_000);
          if (n === 1 && attempt < 3) throw new Error('not now');
          handled.push(n);
        },
        () => expect(handled).toHaveLength(6),
      );
      expect(handled.filter((n) => n < 3)).toEqual([0, 1, 2]);
      expect(handled.filter((n) => n >= 3)).toEqual([3, 4, 5]);
      expect(handled.indexOf(5)).toBeLessThan(handled.indexOf(0));
      expect(attempts.filter(([n]) => n === 1).map(([, attempt]) => attempt)).toEqual([1, 2, 3]);
      await expectEmpty(world);
    },
    unlessOrdered,
  );
}
