import type { IamCache } from './iam-token.ts';

/** How to reach a server. */
export interface ServerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  readonly username?: string;
  readonly password?: string;
  /** The cache of ElastiCache to which the user proves itself by IAM, instead of by a password. */
  readonly iam?: IamCache;
  readonly database: number;
}
