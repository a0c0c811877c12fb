import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  BILLING,
  messages,
  openRedis,
  publish,
  redisTopology,
  STOCK,
} from '../../../test/support/redis-transport.ts';
import type { ConsumerInfo, Incoming, Transport } from '../transport.ts';
import type { RedisStreamsOptions } from './options.ts';

describe.skipIf(WITHOUT_REDIS)('the consumers of a Redis stream', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  async function given(options: Partial<RedisStreamsOptions> = {}) {
    const topology = redisTopology('billing', 'stock');
    const open = () => openRedis({ ...server.options, ...options }, topology);
    const transport = open();
    await transport.provision();
    const find = async (name: string): Promise<ConsumerInfo | undefined> =>
      (await transport.consumers?.(BILLING))?.find((one) => one.name === name);
    return {
      transport,
      /** The same, in another process. */
      open,
      stream: `${topology.prefix}:{orders}:stream`,
      find,
      inFlight: async (name: string) => (await find(name))?.inFlight,
    };
  }

  function take(transport: Transport, consumer: string, max: number, leaseMs = 60_000): Promise<Incoming[]> {
    return transport.receive(BILLING, { max, waitMs: 0, leaseMs, consumer });
  }

  async function giveBack(transport: Transport, deliveries: readonly Incoming[]): Promise<void> {
    const released = deliveries.map(({ receipt }) => ({ receipt, action: 'release' }) as const);
    expect(await transport.settle(BILLING, released)).toEqual(deliveries.map(() => 'settled'));
  }

  it('are those of every process, with entries and what is held apart, however many', async () => {
    const { transport, open, inFlight } = await given();
    const other = open();
    for (const count of [500, 500, 203]) await publish(transport, messages(count));
    const first: Incoming[][] = [];
    for (const count of [500, 500, 200]) first.push(await take(transport, 'one', count));
    for (const deliveries of first) await giveBack(transport, deliveries);
    expect(await inFlight('one')).toBe(0);
    for (const count of [500, 500, 1]) expect(await take(transport, 'one', count)).toHaveLength(count);
    expect(await take(other, 'two', 202)).toHaveLength(202);
    const [shorter] = await take(other, 'two', 500, 30_000);
    expect(shorter).toBeUndefined();
    expect(await inFlight('one')).toBe(1_001);
    expect(await inFlight('two')).toBe(202);
    expect(await transport.depth(BILLING)).toMatchObject({ ready: 0, inFlight: 1_203 });
    expect(await transport.consumers?.(STOCK)).toEqual([]);
  });

  it('keep what they hold under their name when its lease is extended', async () => {
    const { transport, inFlight } = await given();
    await publish(transport, messages(3));
    const one = await take(transport, 'one', 1);
    const two = await take(transport, 'two', 2);
    const receipts = [...two.slice(0, 1), ...one, ...two.slice(1)].map(({ receipt }) => receipt);
    expect(await transport.extend(BILLING, [receipts[0] ?? {}, {}, ...receipts], 90_000)).toMatchObject([
      'settled',
      { code: 'Invalid' },
      'settled',
      'settled',
      'settled',
    ]);
    expect(await inFlight('one')).toBe(1);
    expect(await inFlight('two')).toBe(2);
  });

  it.each([true, false])('are seen while there is nothing to do (blocking: %s)', async (blocking) => {
    const { transport, find } = await given({ blocking });
    const stop = new AbortController();
    onTestFinished(() => stop.abort());
    // Two in one process take turns in what they ask the server.
    const names = ['one', 'two'];
    for (const consumer of names) {
      const options = { max: 1, waitMs: 20_000, leaseMs: 60_000, consumer, signal: stop.signal };
      transport.receive(BILLING, options).catch(() => undefined);
    }
    const first = new Map<string, ConsumerInfo>();
    await vi.waitFor(async () => {
      for (const name of names) first.set(name, (await find(name)) ?? expect.unreachable());
    });
    await vi.waitFor(
      async () => {
        for (const [name, { lastSeen, since }] of first) {
          const later = await find(name);
          expect(later).toMatchObject({ since, inFlight: 0 });
          expect(later?.lastSeen).toBeGreaterThan(lastSeen + 1_500);
        }
      },
      { timeout: 10_000 },
    );
  });

  it('are forgotten when they own nothing and have been away, and not while they hold something', async () => {
    const { transport, find } = await given({ consumerAwayMs: 100 });
    await publish(transport, messages(3));
    await take(transport, 'entry', 1);
    await giveBack(transport, await take(transport, 'gone', 2));
    await take(transport, 'held', 2);
    await vi.waitFor(
      async () => {
        await take(transport, 'looks', 1);
        expect(await find('gone')).toBeUndefined();
      },
      { timeout: 5_000 },
    );
    expect(await find('entry')).toMatchObject({ inFlight: 1 });
    const held = await find('held');
    expect(held).toMatchObject({ inFlight: 2 });
    expect(held?.lastSeen).toBeGreaterThanOrEqual(held?.since ?? Number.NaN);
    expect(held?.lastSeen).toBeLessThanOrEqual(Date.now());
  });

  it('are not those of other programs, nor what nobody owns any more', async () => {
    const { transport, stream, inFlight } = await given();
    await publish(transport, messages(3));
    await server.admin.xreadgroup('GROUP', 'billing', 'alice', 'COUNT', 1, 'STREAMS', stream, '>');
    await giveBack(transport, await take(transport, 'one', 1));
    await take(transport, 'one', 1, 50);
    await vi.waitFor(async () => expect(await inFlight('one')).toBe(0));
    expect(await transport.consumers?.(BILLING)).toHaveLength(1);
  });
});
