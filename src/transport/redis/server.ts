import { TransportError } from '../errors.ts';
import { integer, list, text } from './replies.ts';

/** Who answers on a connection. */
export interface Server {
  /** `redis` or `valkey`. */
  readonly name: string;
  readonly version: string;
  /** The connection's id. */
  readonly connection: number;
}

/** Reads the answer to HELLO, which every user may send. */
export function readServer(reply: unknown): Server {
  const fields = list(reply);
  const field = (name: string): unknown => fields[fields.indexOf(name) + 1];
  return { name: text(field('server')), version: text(field('version')), connection: integer(field('id')) };
}

/** Streams count what their groups have read since Redis 7.0, from which Valkey began. */
export function oldServer({ name, version }: Server, place: string): TransportError | undefined {
  const major = Number.parseInt(version, 10);
  if (major >= 7) return undefined;
  return new TransportError(
    'Unsupported',
    `${place} is ${name} ${version}: Redis 7.0 or Valkey 7.2 is needed`,
  );
}
