import type { ServerOptions } from '../redis/server-options.ts';

/** How to reach a server, and how to use it. Durations in ms. */
export interface RedisStreamsOptions extends ServerOptions {
  /** How old entries get in the stream that every subscription is done with; 0: freed at once, no history. */
  readonly retentionMs: number;
  /** Messages of one topic that may stand undone before publishes are `Throttled`; 0: as many as memory takes. */
  readonly maxDepth: number;
  /** Whether an idle consumer waits in a blocking read, which some servers forbid. Otherwise it polls. */
  readonly blocking: boolean;
  /** Reads that ask for so many, and have brought so many before, are leased as lots. Default 16. */
  readonly lotsFrom?: number;
  /** When a consumer that owns nothing and is not seen any more is removed. Default 10 min. */
  readonly consumerAwayMs?: number;
}
