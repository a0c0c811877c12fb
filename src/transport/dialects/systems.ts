import type { Outgoing } from '../transport.ts';
import type { Dialect, Fields } from './dialect.ts';

/** A system on Redis lists: what its entries say, and what its lists are called. Each topic has one subscription there. */
export interface ListSystem {
  readonly name: string;
  readonly dialect: Dialect<string>;
  names(topic: string): ListNames;
  /** What is published on a channel besides each entry, to whoever listens. */
  notice?(message: Outgoing, context: { readonly topic: string; readonly now: number }): string;
  /** A list whose entries of a job type come first, whatever stands in the queue. */
  readonly urgent?: { readonly list: string; jobType(topic: string): string };
}

interface ListNames {
  readonly queue: string;
  /** Where their consumers keep what they have taken. Undefined: they do not. */
  readonly processing?: string;
  readonly dlq: string;
}

/** A system on Redis Streams: what its entries say, and what its keys and groups are called. */
export interface StreamSystem {
  readonly name: string;
  readonly dialect: Dialect<Fields>;
  stream(topic: string): string;
  /**
   * The group of a subscription. The first of a topic takes part in the group of their programs, and shares messages with
   * them; each further one has a group of its own beside it.
   */
  group(topic: string, subscription: string, isFirst: boolean): string;
  /** Their stream of dead letters, which that of the first subscription is. Undefined: they have none. */
  dead(topic: string): string | undefined;
}
