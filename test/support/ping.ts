import * as z from 'zod/mini';
import { defineMessage } from '../../src/message/contract.ts';
import type { Topology } from '../../src/transport/transport.ts';

/** A small message for tests. */
export const Ping = defineMessage({
  name: 'ping',
  version: 1,
  schema: z.object({ n: z.number(), note: z.optional(z.string()) }),
});

export const PING = { topic: 'ping', subscription: 'test' } as const;

/** A topology of one topic with these subscriptions. */
export function topologyOf(topic: string, ...subscriptions: string[]): Topology {
  return {
    prefix: 'test',
    topics: [
      {
        name: topic,
        subscriptions: subscriptions.map((name) => ({ name, leaseMs: 30_000, maxDeliveries: 25 })),
      },
    ],
  };
}

/** The same, where every topic asks for order. */
export function ordered(topology: Topology): Topology {
  return { ...topology, topics: topology.topics.map((topic) => ({ ...topic, ordered: true })) };
}
