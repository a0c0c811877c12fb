import { createHash } from 'node:crypto';
import * as z from 'zod/mini';
import { defineMessage } from '../../../src/message/contract.ts';
import type { Topology } from '../../../src/transport/transport.ts';

/** What is carried while faults happen. */
export const Load = defineMessage({
  name: 'load',
  version: 1,
  schema: z.object({ pad: z.string(), poison: z.optional(z.enum(['throws', 'kills'])) }),
});

export const LOAD = { topic: 'load', subscription: 'work' } as const;

/** Who works on it by which leases, in ms. */
export interface LoadTopology {
  readonly prefix: string;
  readonly ordered: boolean;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
}

export function loadTopology({ prefix, ordered, leaseMs, maxDeliveries }: LoadTopology): Topology {
  const subscriptions = [{ name: LOAD.subscription, leaseMs, maxDeliveries }];
  return { prefix, topics: [{ name: LOAD.topic, ordered, subscriptions }] };
}

/** By which what is handled is compared with what was published. */
export function sumOf(pad: string): string {
  return createHash('sha1').update(pad).digest('base64url');
}
