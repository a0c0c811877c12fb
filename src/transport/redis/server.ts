import { TransportError } from '../errors.ts';
import { integer, list, text } from './replies.ts';
import type { Node, ServerOptions } from './server-options.ts';

/** Who answers on a connection. */
export interface Server {
  /** `redis` or `valkey`. */
  readonly name: string;
  readonly version: string;
  /** The connection's id. */
  readonly connection: number;
  readonly node: Node;
  /** `standalone`, `cluster` or `sentinel`. */
  readonly mode: string;
  /** Whether it follows a master. */
  readonly replica: boolean;
}

/** Reads the answer to HELLO, which every user may send. */
export function readServer(reply: unknown, node: Node): Server {
  const fields = list(reply);
  const field = (name: string): unknown => fields[fields.indexOf(name) + 1];
  return {
    name: text(field('server')),
    version: text(field('version')),
    connection: integer(field('id')),
    node,
    mode: text(field('mode')),
    replica: field('role') === 'replica',
  };
}

/** Who is asked for. */
export type Wanted = 'Redis' | 'Sentinel';

export function addressOf({ host, port }: Node): string {
  return `${host}:${port}`;
}

/** What errors call it. */
export function placeOf(node: Node, wanted: Wanted = 'Redis'): string {
  return `${wanted} at ${addressOf(node)}`;
}

/** Why this is not what the options ask for. */
export function wrongServer(
  server: Server,
  wanted: Wanted,
  { sentinel, cluster }: ServerOptions,
): TransportError | undefined {
  const { name, version, node, mode, replica } = server;
  const place = placeOf(node);
  if (wanted === 'Sentinel') {
    if (mode === 'sentinel') return undefined;
    return new TransportError(
      'Invalid',
      `${place} is a server, not a Sentinel: name Sentinels in TRANSPORT_URL (their port is 26379, if it was not changed), or leave out master`,
    );
  }
  if (mode === 'sentinel') {
    return new TransportError(
      'Invalid',
      `${place} is a Sentinel, which carries nothing: add ?master=NAME to TRANSPORT_URL, the name of the master that it watches`,
    );
  }
  // Streams count what their groups have read since Redis 7.0, from which Valkey began.
  if (Number.parseInt(version, 10) < 7) {
    return new TransportError(
      'Unsupported',
      `${place} is ${name} ${version}: Redis 7.0 or Valkey 7.2 is needed`,
    );
  }
  if (cluster !== undefined && mode !== 'cluster') {
    return new TransportError(
      'Invalid',
      `${place} is no node of a cluster: leave cluster=true out of TRANSPORT_URL`,
    );
  }
  if (sentinel !== undefined && replica) {
    return new TransportError('Unavailable', `${place} is a replica, so a failover is under way`);
  }
  return undefined;
}
