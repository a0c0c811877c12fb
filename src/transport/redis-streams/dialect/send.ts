import { encoded } from '../../dialects/encoded.ts';
import type { StreamSystem } from '../../dialects/systems.ts';
import { TransportError } from '../../errors.ts';
import type { Connection } from '../../redis/connection.ts';
import { LIMITS } from '../../redis/limits.ts';
import { inGroups, integer, list, text } from '../../redis/replies.ts';
import { expectAtMost } from '../../refusals.ts';
import type { Outgoing, SendOutcome } from '../../transport.ts';
import type { TopicPlace } from '../directory.ts';
import { verifyTopic, withGroups } from '../groups.ts';
import type { RedisStreamsOptions } from '../options.ts';
import { failure, refusal } from '../send.ts';
import { ADD_FIELDS } from './scripts.ts';

/** Adds a batch as others read it, for all groups of the stream, theirs and ours. */
export async function sendFields(
  { name, dialect }: StreamSystem,
  connection: Connection,
  topic: TopicPlace,
  messages: readonly Outgoing[],
  { maxDepth, retentionMs }: RedisStreamsOptions,
): Promise<SendOutcome[]> {
  expectAtMost(LIMITS.sendEntries, messages.length, 'messages');
  if (!topic.seen) await verifyTopic(connection, topic);
  const now = Date.now();
  const places: number[] = [];
  const args: (string | number)[] = [];
  const outcomes = messages.map((message, place): SendOutcome => {
    const fields =
      refusedHere(message) ??
      refusal(topic, message, message.id) ??
      encoded(dialect, message, { topic: topic.name, now });
    if (fields instanceof TransportError) return { error: fields };
    places.push(place);
    args.push(fields.length, ...fields);
    return 'accepted';
  });
  if (places.length === 0) return outcomes;

  const keys = [topic.stream, ...topic.subscriptions.map(({ keys }) => keys.bodies)];
  const reply = await withGroups(connection, topic, () =>
    connection.run(ADD_FIELDS, keys, [maxDepth, retentionMs, ...args]),
  );
  const [length, failures] = list(reply);
  topic.length = integer(length) + places.length;
  for (const [index, problem] of inGroups(list(failures), 2)) {
    const place = places[integer(index)];
    if (place !== undefined) outcomes[place] = { error: failure(text(problem), connection, topic) };
  }
  return outcomes;

  function refusedHere({ id, delayMs = 0, only }: Outgoing): TransportError | undefined {
    if (delayMs === 0 && only === undefined) return undefined;
    const what = delayMs === 0 ? 'go to some subscriptions only' : 'be delayed';
    return new TransportError(
      'Unsupported',
      `message ${id} cannot ${what} in the dialect ${name}: the programs that read ${topic.stream} as well would not see it`,
    );
  }
}
