import type { IamCache } from './iam-token.ts';

/** Where somebody listens. */
export interface Node {
  readonly host: string;
  readonly port: number;
}

/** How to reach a server. */
export interface ServerOptions extends Node {
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** The cache of ElastiCache to which the user proves itself by IAM, instead of by a password. */
  readonly iam?: IamCache;
  readonly database: number;
  /** How many replicas must have what is sent before it is accepted. Default: 0. */
  readonly waitReplicas?: number;
  /** Host and port are a Sentinel's, which is asked for the server. */
  readonly sentinel?: SentinelOptions;
  /** Host and port are those of a node of a cluster. */
  readonly cluster?: ClusterOptions;
}

export interface SentinelOptions {
  /** What Sentinels call the master. */
  readonly master: string;
  /** The other Sentinels. */
  readonly others: readonly Node[];
  /** Of Sentinels that want one; user and password of the URL are the server's. */
  readonly password?: string;
}

export interface ClusterOptions {
  /** Some more nodes, to be asked when the first is away. */
  readonly others: readonly Node[];
}
