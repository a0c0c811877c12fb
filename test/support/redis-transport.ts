import { expect, onTestFinished } from 'vitest';
import { newId } from '../../src/message/id.ts';
import { inPieces } from '../../src/transport/in-pieces.ts';
import type { RedisListOptions } from '../../src/transport/redis-list/options.ts';
import { createRedisListTransport } from '../../src/transport/redis-list/redis-list.ts';
import type { RedisStreamsOptions } from '../../src/transport/redis-streams/options.ts';
import { createRedisStreamsTransport } from '../../src/transport/redis-streams/redis-streams.ts';
import type { Address, Incoming, Outgoing, Topology, Transport } from '../../src/transport/transport.ts';

export const BILLING = { topic: 'orders', subscription: 'billing' } as const;
export const STOCK = { topic: 'orders', subscription: 'stock' } as const;

let tests = 0;

/** A topology of one topic, that no other test uses. */
export function redisTopology(...subscriptions: string[]): Topology {
  tests++;
  return {
    prefix: `t${tests}`,
    topics: [
      {
        name: 'orders',
        subscriptions: subscriptions.map((name) => ({ name, leaseMs: 30_000, maxDeliveries: 25 })),
      },
    ],
  };
}

/** The same, with leases of so long where a receiver names none. */
export function leasing(topology: Topology, leaseMs: number): Topology {
  const topics = topology.topics.map((topic) => ({
    ...topic,
    subscriptions: topic.subscriptions.map((subscription) => ({ ...subscription, leaseMs })),
  }));
  return { ...topology, topics };
}

/** Opens the driver on lists; it ends with the test. */
export function openList(options: RedisListOptions, topology: Topology): Transport {
  const transport = createRedisListTransport(topology, options);
  onTestFinished(() => transport.close());
  return transport;
}

/** Opens the driver; it ends with the test. */
export function openRedis(options: RedisStreamsOptions, topology: Topology): Transport {
  const transport = createRedisStreamsTransport(topology, options);
  onTestFinished(() => transport.close());
  return transport;
}

export function message(fields: Partial<Outgoing> = {}): Outgoing {
  return { id: newId(), body: '{"said":"something"}', headers: {}, ...fields };
}

export function messages(count: number): Outgoing[] {
  return Array.from({ length: count }, () => message());
}

export async function publish(transport: Transport, all: readonly Outgoing[]): Promise<void> {
  for (const batch of inPieces(all, transport.limits.sendEntries)) {
    expect(await transport.send('orders', batch)).toEqual(batch.map(() => 'accepted'));
  }
}

/** What can be received right now, or within `waitMs`. */
export function take(
  transport: Transport,
  options: { address?: Address; max?: number; waitMs?: number; leaseMs?: number } = {},
): Promise<Incoming[]> {
  const { address = BILLING, max = 500, waitMs = 0, leaseMs = 60_000 } = options;
  return transport.receive(address, { max, waitMs, leaseMs });
}

/** What can be received soon, if there is something. */
export async function takeOrNothing(transport: Transport): Promise<Incoming[] | undefined> {
  const received = await take(transport, { waitMs: 500 });
  return received.length > 0 ? received : undefined;
}

export const idsOf = (deliveries: readonly Incoming[]): string[] => deliveries.map(({ id }) => id).toSorted();

export async function ack(
  transport: Transport,
  deliveries: readonly Incoming[],
  address: Address = BILLING,
): Promise<void> {
  const settlements = deliveries.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
  expect(await transport.settle(address, settlements)).toEqual(deliveries.map(() => 'settled'));
}

/** The error that a call must reject with. */
export async function rejection(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => expect.unreachable('it did not reject'),
    (error: unknown) => error,
  );
}
