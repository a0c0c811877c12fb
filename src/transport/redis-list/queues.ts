import { TransportError } from '../errors.ts';
import type { Connection } from '../redis/connection.ts';
import { isCrossSlot } from '../redis/errors.ts';
import { integer, list } from '../redis/replies.ts';
import type { Directory, Queue } from './directory.ts';
import { MISSING, PROVISION } from './scripts/operate.ts';
import { NO_QUEUE } from './scripts/shared.ts';

/** Creates what is missing. */
export async function provision(connection: Connection, directory: Directory): Promise<void> {
  for (const queues of directory.topics) if (queues.length > 0) await createQueues(connection, queues);
}

/** Rejects with `NotFound`, naming all that is missing. */
export async function verify(connection: Connection, directory: Directory): Promise<void> {
  const missing: Queue[] = [];
  for (const queues of directory.topics) {
    if (queues.length === 0) continue;
    const reply = await asked(connection, queues, () => connection.run(MISSING, lotsOf(queues), []));
    const places = new Set(list(reply).map(integer));
    for (const [index, queue] of queues.entries()) {
      if (places.has(index + 1)) missing.push(queue);
      else queue.seen = true;
    }
  }
  if (missing.length > 0) throw notFound(connection, missing);
}

/**
 * Runs what needs these queues, all of one topic. Where they have been there and are gone, they are made anew, so that all go on
 * by themselves; the call rejects with what has happened, and the next one works.
 */
export async function withQueues<Answer>(
  connection: Connection,
  queues: readonly Queue[],
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    const answer = await asked(connection, queues, work);
    for (const queue of queues) queue.seen = true;
    return answer;
  } catch (error) {
    if (!isMissing(error)) throw error;
    const [first] = queues;
    if (first === undefined || queues.some(({ seen }) => !seen)) throw notFound(connection, queues);
    const had = queues.map(({ keys, length }) => `${keys.queue} had ${length} entries`).join(', ');
    const created = await createQueues(connection, queues).catch((denied: unknown) => {
      if (!(denied instanceof TransportError) || denied.code !== 'Denied') throw denied;
      throw new TransportError(
        'Unavailable',
        `${connection.place} has lost the queues of ${first.topic}, and this user may not make them anew: a consumer or hikyaku provision will`,
        { cause: denied },
      );
    });
    throw new TransportError(
      'Unavailable',
      created > 0
        ? `${connection.place} had lost ${created} of the queues of ${first.topic} (FLUSHALL, or a server without its data): made anew; ${had} when last seen, and what is no longer there is lost`
        : `${connection.place} had lost the queues of ${first.topic}, and somebody has made them anew`,
      { cause: error },
    );
  }
}

/** Says what is the matter with lists of one's own names on a cluster. */
async function asked<Answer>(
  { place }: Connection,
  queues: readonly Queue[],
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof TransportError) || !isCrossSlot(error.cause)) throw error;
    throw new TransportError(
      'Unsupported',
      `${place} is a cluster, where all keys of a queue need one hash tag in common: ${queues.map(({ keys }) => `${keys.queue}, ${keys.processing} and ${keys.dead}`).join(', ')} have none; name them like {hokusai}:queue`,
      { cause: error },
    );
  }
}

async function createQueues(connection: Connection, queues: readonly Queue[]): Promise<number> {
  const created = await asked(connection, queues, () => connection.run(PROVISION, lotsOf(queues), []));
  for (const queue of queues) {
    queue.seen = true;
    queue.length = 0;
  }
  return integer(created);
}

function lotsOf(queues: readonly Queue[]): string[] {
  return queues.map(({ keys }) => keys.lots);
}

function isMissing(error: unknown): boolean {
  if (!(error instanceof TransportError) || !(error.cause instanceof Error)) return false;
  return error.cause.message.startsWith(`${NO_QUEUE} `);
}

function notFound({ place }: Connection, missing: readonly Queue[]): TransportError {
  return new TransportError(
    'NotFound',
    `${place} has no ${missing.map(({ keys }) => keys.queue).join(', ')}: create what is missing with hikyaku provision, or provision()`,
  );
}
