import type { RedisServer } from '../../support/redis.ts';
import type { Machine } from './machine.ts';
import type { Standby } from './standby.ts';

/** What faults are made on. */
export interface Carrier {
  readonly name: string;
  /** Its topic asks for order. */
  readonly ordered: boolean;
  /** There is a network between it and its users. */
  readonly networked: boolean;
  /** It is a Redis, which can be killed, flushed and filled. */
  readonly isRedis: boolean;
  /** It does its worst by itself: only faults that say so are made on it. */
  readonly hostile: boolean;
  /** It is several servers, of which one takes the place of another: only faults that say so are made on it. */
  readonly topology?: Topology;
  /** Why it cannot be had here. */
  unavailable(): Promise<string | undefined>;
  /** Starts a server with nothing in it, as processes of their own. */
  start(options: StartOptions): Promise<Server>;
}

export type Topology = 'sentinel' | 'cluster';

export interface StartOptions {
  /** Of what it does by itself. */
  readonly seed: number;
  /** Those of redis.conf. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly environment?: NodeJS.ProcessEnv;
  /** Whose disk and clock it goes by, if they are to be meddled with. */
  readonly machine?: Machine | undefined;
}

export interface Server {
  /** Where it listens, if it is reached over a network. */
  readonly port?: number;
  /** Where it listens to the judge, if elsewhere. */
  readonly judgePort?: number;
  /** TRANSPORT_URL, at this port: a proxy's, or its own. */
  url(port?: number): string;
  /** What those are started with who use it, where they are all there is of it. */
  readonly environment?: NodeJS.ProcessEnv;
  /** The Redis it is, if it is one. */
  readonly redis?: RedisServer;
  /** Who takes over, if it is several. */
  readonly standby?: Standby;
  stop(): Promise<void>;
}
