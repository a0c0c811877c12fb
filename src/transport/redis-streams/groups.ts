import { TransportError } from '../errors.ts';
import type { Connection } from '../redis/connection.ts';
import { isMissingGroup } from '../redis/errors.ts';
import { list, text } from '../redis/replies.ts';
import type { Directory, TopicPlace } from './directory.ts';
import { MISSING, PROVISION } from './scripts/operate.ts';

/** Creates what is missing. */
export async function provision(connection: Connection, directory: Directory): Promise<void> {
  for (const topic of directory.topics) await createGroups(connection, topic);
}

/** Rejects with `NotFound`, naming all that is missing. */
export async function verify(connection: Connection, directory: Directory): Promise<void> {
  const missing: string[] = [];
  for (const topic of directory.topics) missing.push(...(await missingGroups(connection, topic)));
  if (missing.length > 0) throw notFound(connection, missing);
}

/** The same for one topic, once: afterwards a missing stream is noticed by whoever uses it. */
export async function verifyTopic(connection: Connection, topic: TopicPlace): Promise<void> {
  const missing = await missingGroups(connection, topic);
  if (missing.length > 0) throw notFound(connection, missing);
}

/**
 * Runs what needs the topic's groups. Where they have been there and are gone, they are created anew, from the
 * beginning of the stream, so that all go on by themselves; the call rejects with what has happened, and the
 * next one works.
 */
export async function withGroups<Answer>(
  connection: Connection,
  topic: TopicPlace,
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    const answer = await work();
    topic.seen = true;
    return answer;
  } catch (error) {
    if (!(error instanceof TransportError) || !isMissingGroup(error.cause)) throw error;
    if (!topic.seen) throw notFound(connection, [topic.stream]);
    const { length } = topic;
    const created = await createGroups(connection, topic).catch((denied: unknown) => {
      if (!(denied instanceof TransportError) || denied.code !== 'Denied') throw denied;
      throw new TransportError(
        'Unavailable',
        `${connection.place} has lost the groups of ${topic.name}, and this user may not make them anew: a consumer or hikyaku provision will`,
        { cause: denied },
      );
    });
    throw new TransportError(
      'Unavailable',
      created > 0
        ? `${connection.place} had lost ${created} of the groups of ${topic.name} (FLUSHALL, or a server without its data): made anew; the stream had ${length} entries when last seen, and what it no longer has is lost`
        : `${connection.place} had lost the groups of ${topic.name}, and somebody has made them anew`,
      { cause: error.cause },
    );
  }
}

async function createGroups(connection: Connection, topic: TopicPlace): Promise<number> {
  const groups = topic.subscriptions.map(({ name }) => name);
  const { stream, lots } = topic;
  const created = await connection.run(PROVISION, lots === undefined ? [stream] : [stream, lots], groups);
  topic.seen = true;
  topic.length = 0;
  return Number(created);
}

async function missingGroups(connection: Connection, topic: TopicPlace): Promise<string[]> {
  const groups = topic.subscriptions.map(({ name }) => name);
  const missing = list(await connection.run(MISSING, [topic.stream], groups)).map(text);
  if (missing.length === 0) topic.seen = true;
  return missing.map((group) => `${topic.stream} group ${group}`);
}

function notFound({ place }: Connection, missing: readonly string[]): TransportError {
  return new TransportError(
    'NotFound',
    `${place} has no ${missing.join(', ')}: create what is missing with hikyaku provision, or provision()`,
  );
}
