import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Role } from '../src/transport/redis-streams/access.ts';
import { quoted } from '../src/transport/schemes.ts';
import type { FunctionNetwork } from './constructs/node-function.ts';
import { InvalidContext } from './invalid-context.ts';

/** What it takes to be one of the roles: an address, a place in the network, and a right. */
export interface RedisAccess {
  readonly transportUrl: string;
  readonly statements: readonly PolicyStatement[];
  readonly network?: FunctionNetwork;
}

/** A Redis that functions are deployed with. */
export interface RedisPlace {
  /** What is to be said about it at every synth. */
  readonly warning?: string;
  access(role: Role): RedisAccess;
}

/** Whoever may look at a function sees its environment. */
const IN_CLEAR =
  'redisUrl holds a password, which stands in clear in the template and in the environment of every function: leave redisUrl out, and a Redis is made whose users IAM knows, without passwords; or let only those look at the stacks and functions who may know it, and its user do no more than they need';

/**
 * A Redis that is there already, by its URL, the same for all roles and reached without a VPC of ours: the context
 * `redisUrl`. Undefined where none is given.
 *
 * @throws InvalidContext
 */
export function existingRedis(value: unknown, prefix: string): RedisPlace | undefined {
  if (value === undefined) return undefined;
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol)) {
    throw new InvalidContext(
      `redisUrl is ${quoted(String(value))}: expected the URL of a Redis, as in -c redisUrl=rediss://host:6379`,
    );
  }
  url.searchParams.set('prefix', prefix);
  return {
    access: () => ({ transportUrl: url.href, statements: [] }),
    ...(url.password !== '' && { warning: IN_CLEAR }),
  };
}
