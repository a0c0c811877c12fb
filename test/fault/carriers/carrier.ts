import type { RedisServer } from '../../support/redis.ts';

/** What faults are made on. */
export interface Carrier {
  readonly name: string;
  /** Its topic asks for order. */
  readonly ordered: boolean;
  /** There is a network between it and its users. */
  readonly networked: boolean;
  /** It is a Redis, which can be killed, flushed and filled. */
  readonly isRedis: boolean;
  /** Why it cannot be had here. */
  unavailable(): Promise<string | undefined>;
  /** Starts a server with nothing in it, as processes of their own. */
  start(options?: RedisSettings): Promise<Server>;
}

/** What only a Redis heeds. */
export interface RedisSettings {
  /** Those of redis.conf. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly environment?: NodeJS.ProcessEnv;
}

export interface Server {
  /** Where it listens, if it is reached over a network. */
  readonly port?: number;
  /** TRANSPORT_URL, at this port: a proxy's, or its own. */
  url(port?: number): string;
  /** The Redis it is, if it is one. */
  readonly redis?: RedisServer;
  stop(): Promise<void>;
}
