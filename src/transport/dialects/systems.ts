import type { Dialect, Fields } from './dialect.ts';

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
