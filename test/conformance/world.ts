import { expect } from 'vitest';
import { newId } from '../../src/message/id.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type {
  Address,
  Capability,
  DeadLetter,
  Incoming,
  Outgoing,
  SettleOutcome,
  Topology,
  Transport,
} from '../../src/transport/transport.ts';

/** A carrier under test. */
export interface Carrier {
  /** Opens a transport for this topology without creating anything. */
  open(topology: Topology): Promise<Transport>;
  /** Whether a topology has to be provisioned before it can be used. */
  readonly provisions: boolean;
  /** Whether the topics of every case ask for order. */
  readonly ordered?: boolean;
  /** Whether a topic can have only one subscription: there is no `stock`. */
  readonly alone?: boolean;
  /** Whether it holds messages in this process only: another transport does not find them. */
  readonly local?: boolean;
  /** Bodies that this carrier, or its emulator, refuses though the driver could carry them. */
  readonly refuses?: RegExp;
  close(): Promise<void>;
}

/** What a case may depend on. */
export interface Facts {
  readonly provisions: boolean;
  readonly local: boolean;
  readonly ordered: boolean;
  readonly alone: boolean;
  readonly capabilities: ReadonlySet<Capability>;
}

export async function factsOf(carrier: Carrier): Promise<Facts> {
  const { provisions, local = false, ordered = false, alone = false } = carrier;
  const transport = await carrier.open(topologyFor('facts', ordered, alone));
  await transport.close();
  return { provisions, local, ordered, alone, capabilities: transport.capabilities };
}

/** Reasons to skip a case. */
export const unlessOrdered = ({ ordered }: Facts): string | undefined =>
  ordered ? undefined : 'the topics ask for no order';
export const ifOrdered = ({ ordered }: Facts): string | undefined =>
  ordered ? 'the topics ask for order' : undefined;
export const ifAlone = ({ alone }: Facts): string | undefined =>
  alone ? 'a topic has one subscription' : undefined;
export const ifDelayRefused = ({ ordered }: Facts): string | undefined =>
  ordered ? 'an ordered topic delays no single message' : undefined;

/** The topic and subscriptions of each case: nobody else uses them. */
export const ORDERS = { topic: 'orders', subscription: 'billing' } as const satisfies Address;
export const STOCK = { topic: 'orders', subscription: 'stock' } as const satisfies Address;
export const RETURNS = { topic: 'returns', subscription: 'billing' } as const satisfies Address;

/** The shortest lease that every carrier grants. */
export const SHORT_LEASE = 1_000;
export const LONG_LEASE = 60_000;

/** What a case works with. */
export interface World {
  readonly carrier: Carrier;
  readonly topology: Topology;
  readonly transport: Transport;
  /** Publishes messages to `orders`, and asserts that all were accepted. */
  publish(...messages: readonly Outgoing[]): Promise<void>;
  /** Receives until it has as many messages; asserts that they come. */
  take(count: number, options?: { address?: Address; leaseMs?: number }): Promise<Incoming[]>;
  takeOne(options?: { address?: Address; leaseMs?: number }): Promise<Incoming>;
  /** What can be received right now. */
  poll(address?: Address): Promise<Incoming[]>;
  /** Publishes a message and dead-letters it, with these headers. */
  deadLetter(message: Outgoing, headers: Readonly<Record<string, string>>): Promise<void>;
  scanOne(): Promise<DeadLetter>;
}

let worlds = 0;

export function topologyFor(prefix: string, ordered: boolean, alone = false, maxDeliveries = 100): Topology {
  const subscription = (name: string) => ({ name, leaseMs: 30_000, maxDeliveries });
  return {
    prefix,
    topics: [
      {
        name: 'orders',
        ordered,
        subscriptions: (alone ? ['billing'] : ['billing', 'stock']).map(subscription),
      },
      { name: 'returns', ordered, subscriptions: [subscription('billing')] },
    ],
  };
}

/** A transport with a topology of its own, in which nothing has happened yet. */
export async function createWorld(carrier: Carrier): Promise<World> {
  worlds++;
  const topology = topologyFor(`w${process.pid % 1_000}-${worlds}`, carrier.ordered ?? false, carrier.alone);
  const transport = await carrier.open(topology);
  await transport.provision();

  async function publish(...messages: readonly Outgoing[]): Promise<void> {
    const outcomes = await transport.send('orders', messages);
    expect(outcomes).toEqual(messages.map(() => 'accepted'));
  }

  async function take(
    count: number,
    { address = ORDERS, leaseMs = LONG_LEASE }: { address?: Address; leaseMs?: number } = {},
  ): Promise<Incoming[]> {
    const taken: Incoming[] = [];
    const deadline = performance.now() + 12_000;
    while (taken.length < count && performance.now() < deadline) {
      const max = Math.min(count - taken.length, transport.limits.receiveEntries);
      taken.push(...(await transport.receive(address, { max, waitMs: 1_000, leaseMs })));
    }
    expect(taken).toHaveLength(count);
    return taken;
  }

  async function takeOne(options?: { address?: Address; leaseMs?: number }): Promise<Incoming> {
    return only(await take(1, options));
  }

  async function scanOne(): Promise<DeadLetter> {
    return only(await transport.deadLetters.scan(ORDERS, { max: 10, leaseMs: LONG_LEASE }));
  }

  return {
    carrier,
    topology,
    transport,
    publish,
    take,
    takeOne,
    poll: (address = ORDERS) => transport.receive(address, { max: 10, waitMs: 0, leaseMs: LONG_LEASE }),
    async deadLetter(message, headers) {
      await publish({ ...message, only: [ORDERS.subscription] });
      const { receipt } = await takeOne();
      const outcomes = await transport.settle(ORDERS, [{ receipt, action: 'deadLetter', headers }]);
      expect(outcomes).toEqual(['settled']);
    },
    scanOne,
  };
}

export function outgoing(fields: Partial<Outgoing> = {}): Outgoing {
  return { id: newId(), body: '{"said":"something"}', headers: {}, ...fields };
}

/** The one element of a list that must have one. */
export function only<One>(list: readonly One[]): One {
  expect(list).toHaveLength(1);
  const [one] = list;
  if (one === undefined) throw new Error('the list is empty');
  return one;
}

export function idsOf(messages: readonly { readonly id: string }[]): string[] {
  return messages.map(({ id }) => id);
}

/** Asserts that a delivery that is over was not reported as settled. */
export function expectNotSettled(outcome: SettleOutcome | undefined): void {
  if (outcome !== 'unverified') expectCode(outcome, 'LeaseLost');
}

export function expectCode(outcome: unknown, code: TransportError['code']): void {
  expect(outcome).toBeInstanceOf(TransportError);
  expect(outcome).toHaveProperty('code', code);
}
