import { TransportError } from '../errors.ts';
import type { Connection } from '../redis/connection.ts';
import { scriptError } from '../redis/errors.ts';
import { encodeFrame, entryText, unwritable } from '../redis/frame.ts';
import { LIMITS } from '../redis/limits.ts';
import { inGroups, integer, list, text } from '../redis/replies.ts';
import { expectAtMost, notFound, tooLarge } from '../refusals.ts';
import type { Outgoing, SendOutcome } from '../transport.ts';
import type { TopicPlace } from './directory.ts';
import { verifyTopic, withGroups } from './groups.ts';
import type { RedisStreamsOptions } from './options.ts';
import { ADD, ADD_APART } from './scripts/send.ts';

/** After so many the length of the stream is looked at again, besides counting: it is said when the stream is lost. */
const LOOK_EVERY = 100;

/** Adds a batch: all that goes to every subscription at once in one script, the rest in another. */
export async function send(
  connection: Connection,
  topic: TopicPlace,
  messages: readonly Outgoing[],
  { maxDepth, retentionMs, cluster }: RedisStreamsOptions,
): Promise<SendOutcome[]> {
  expectAtMost(LIMITS.sendEntries, messages.length, 'messages');
  if (!topic.seen) await verifyTopic(connection, topic);
  const outcomes: SendOutcome[] = new Array<SendOutcome>(messages.length).fill('accepted');
  const all: string[] = [];
  const allPlaces: number[] = [];
  const apart: (string | number)[] = [];
  for (const [place, message] of messages.entries()) {
    const { body, delayMs = 0, only } = message;
    const frame = encodeFrame(message);
    const error = refusal(topic, message, frame);
    if (error !== undefined) {
      outcomes[place] = { error };
    } else if (delayMs === 0 && only === undefined) {
      all.push(entryText(frame, body));
      allPlaces.push(place);
    } else {
      for (const [index, { name }] of topic.subscriptions.entries()) {
        if (only === undefined || only.includes(name)) apart.push(place, index, delayMs, frame, body);
      }
    }
  }

  async function addAll(): Promise<void> {
    if (all.length === 1 && maxDepth === 0 && topic.length % LOOK_EVERY !== 0 && (await addOne())) return;
    const keys = [topic.stream, ...topic.subscriptions.map(({ keys }) => keys.bodies)];
    const [length, failures] = list(await connection.run(ADD, keys, [maxDepth, retentionMs, ...all]));
    topic.length = integer(length) + allPlaces.length;
    for (const [index, problem] of inGroups(list(failures), 2)) {
      const place = allPlaces[integer(index)];
      if (place !== undefined) outcomes[place] = { error: failure(text(problem), connection, topic) };
    }
  }

  /**
   * Without a script, which takes longer. False where that has something to say: the stream is not there, or takes nothing.
   * And on a cluster: while a slot is moved key by key no script runs, so that what is added could be read, but not settled.
   */
  async function addOne(): Promise<boolean> {
    if (cluster !== undefined || (await connection.server()).mode === 'cluster') return false;
    const added = connection.call('XADD', topic.stream, 'NOMKSTREAM', '*', 'e', ...all);
    const id = await added.catch((error: TransportError) => {
      if (error.code === 'Unavailable') throw error;
    });
    if (id) topic.length++;
    return Boolean(id);
  }

  async function addApart(): Promise<void> {
    const keys = topic.subscriptions.flatMap(({ keys }) => [keys.bodies, keys.waiting, keys.states]);
    const failures = await connection.run(
      ADD_APART,
      [topic.stream, ...keys],
      [maxDepth, retentionMs, ...apart],
    );
    for (const [index, subscription, problem] of inGroups(list(failures), 3)) {
      const place = integer(index);
      const name = topic.subscriptions[integer(subscription)]?.name ?? '';
      const before = outcomes[place];
      const missing = [...(typeof before === 'object' ? (before.missing ?? []) : []), name];
      outcomes[place] = { error: failure(text(problem), connection, topic), missing };
    }
  }

  await withGroups(connection, topic, async () => {
    await Promise.all([
      allPlaces.length > 0 ? addAll() : undefined,
      apart.length > 0 ? addApart() : undefined,
    ]);
  });
  return outcomes;
}

export function refusal(topic: TopicPlace, message: Outgoing, frame: string): TransportError | undefined {
  return (
    tooLarge(message, LIMITS.messageBytes) ??
    notFound(topic.name, message.only, (name) => topic.subscriptions.some((one) => one.name === name)) ??
    unwritable(frame, message.body)
  );
}

export function failure(problem: string, connection: Connection, topic: TopicPlace): TransportError {
  if (problem !== 'FULL') return scriptError(problem, connection.place);
  return new TransportError(
    'Throttled',
    `${topic.name} holds as many messages as maxDepth allows: consume faster, or raise it`,
  );
}
