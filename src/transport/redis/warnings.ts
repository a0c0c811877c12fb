import { TransportError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { list, pairs, text } from './replies.ts';
import { placeOf } from './server.ts';

/**
 * Looks at how durable the server is set up to be: a sentence for each thing that may lose what was accepted. On a
 * cluster, of each node that has one of these keys.
 *
 * @param waitReplicas How many replicas confirm what is sent.
 */
export async function warnings(
  connection: Connection,
  keys: readonly string[],
  waitReplicas = 0,
): Promise<string[]> {
  const found = new Set<string>();
  for (const key of keys) {
    for (const warning of await warningsOf(connection.at(key), waitReplicas)) found.add(warning);
  }
  return [...found];
}

async function warningsOf(connection: Connection, waitReplicas: number): Promise<string[]> {
  const place = placeOf((await connection.server()).node);
  const settings = await allowed(async () =>
    pairs(list(await connection.call('CONFIG', 'GET', 'append*', 'maxmemory-policy'))),
  );
  const replication = await allowed(async () => text(await connection.call('INFO', 'replication')));
  const found: string[] = [];
  if (settings === undefined) {
    found.push(`${place} does not tell how durable it is: this user may not run CONFIG GET`);
  } else {
    const policy = settings.get('maxmemory-policy') ?? '';
    if (settings.get('appendonly') !== 'yes') {
      found.push(`${place} keeps no append-only file, so a restart loses messages: set appendonly to yes`);
    } else if (settings.get('appendfsync') === 'everysec') {
      found.push(
        `${place} syncs its disk once a second, so a power loss may lose the last second: appendfsync always does not`,
      );
    } else if (settings.get('appendfsync') === 'no') {
      found.push(
        `${place} leaves it to the system when to sync its disk: set appendfsync to always or everysec`,
      );
    }
    if (policy.startsWith('allkeys-')) {
      found.push(`${place} throws messages away when its memory is full: set maxmemory-policy to noeviction`);
    }
  }
  if (replication === undefined) return found;
  const replicas = Number(/connected_slaves:(\d+)/.exec(replication)?.[1]);
  if (replicas < waitReplicas) {
    found.push(
      `${place} has ${replicas} replicas, and waitReplicas expects ${waitReplicas}: nothing is accepted before they follow`,
    );
  } else if (replicas === 0) {
    found.push(`${place} has no replica, so what its machine loses is lost`);
  } else if (waitReplicas === 0) {
    found.push(`${place} replicates without waiting, so a failover may lose the last writes`);
  } else if (replicas > waitReplicas) {
    found.push(
      `${place} has ${replicas} replicas, and waitReplicas expects ${waitReplicas}: a failover to another one may lose the last writes`,
    );
  }
  return found;
}

/** Undefined where this user may not ask. */
async function allowed<Answer>(ask: () => Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof TransportError && (error.code === 'Denied' || error.code === 'Unsupported')) {
      return undefined;
    }
    throw error;
  }
}
