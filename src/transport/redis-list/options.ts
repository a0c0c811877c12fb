import type { ServerOptions } from '../redis/server-options.ts';
import type { Address } from '../transport.ts';
import type { QueueKeys, QueueNames } from './keys.ts';

/** How to reach a server, and how to use it. Durations in ms. */
export interface RedisListOptions extends ServerOptions {
  /** Messages of one subscription that may stand undone before publishes are `Throttled`; 0: as many as memory takes. */
  readonly maxDepth: number;
  /** Whether an idle consumer waits in a blocking move, which some servers forbid. Otherwise it polls. */
  readonly blocking: boolean;
  /** Names of the lists, for a topology of one subscription. */
  readonly names?: QueueNames;
  /** Keys of each subscription, where they are not ours. */
  readonly keysOf?: (address: Address) => QueueKeys;
  /** When a consumer that is not seen any more is forgotten. Default 10 min. */
  readonly consumerAwayMs?: number;
}
