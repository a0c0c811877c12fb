import type { Dialect } from '../dialects/dialect.ts';
import { encoded } from '../dialects/encoded.ts';
import { TransportError } from '../errors.ts';
import type { Connection } from '../redis/connection.ts';
import { scriptError } from '../redis/errors.ts';
import { LIMITS } from '../redis/limits.ts';
import { inGroups, integer, list, text } from '../redis/replies.ts';
import { expectAtMost, halfPair, notFound, tooLarge } from '../refusals.ts';
import type { Outgoing, SendOutcome } from '../transport.ts';
import type { ServerClock } from './clock.ts';
import type { Queue } from './directory.ts';
import { withQueues } from './queues.ts';
import { SEND } from './scripts/send.ts';

export interface Sender {
  readonly connection: Connection;
  readonly clock: ServerClock;
  readonly dialect: Dialect<string>;
  readonly maxDepth: number;
}

/** Adds a batch to the queues of a topic, all copies in one script. */
export async function send(
  { connection, clock, dialect, maxDepth }: Sender,
  queues: readonly Queue[],
  messages: readonly Outgoing[],
): Promise<SendOutcome[]> {
  expectAtMost(LIMITS.sendEntries, messages.length, 'messages');
  const topic = queues[0]?.topic ?? '';
  const now = await clock.now();
  const outcomes: SendOutcome[] = new Array<SendOutcome>(messages.length).fill('accepted');
  const all: string[] = [];
  const allPlaces: number[] = [];
  const apart: (string | number)[] = [];
  for (const [place, message] of messages.entries()) {
    const { delayMs = 0, only } = message;
    const error = refusal(queues, message);
    const native = error ?? encoded(dialect, message, { topic, now });
    if (native instanceof TransportError) {
      outcomes[place] = { error: native };
    } else if (delayMs === 0 && only === undefined) {
      all.push(native);
      allPlaces.push(place);
    } else {
      for (const [index, { subscription }] of queues.entries()) {
        if (only === undefined || only.includes(subscription)) apart.push(place, index, delayMs, native);
      }
    }
  }

  function fail(place: number | undefined, problem: unknown, missing: readonly unknown[]): void {
    if (place === undefined) return;
    const before = outcomes[place];
    const names = [
      ...(before === undefined || before === 'accepted' ? [] : (before.missing ?? [])),
      ...missing.map((index) => queues[integer(index)]?.subscription ?? ''),
    ];
    const error = failure(text(problem), connection, topic);
    outcomes[place] = names.length === 0 ? { error } : { error, missing: names };
  }

  const keys = queues.flatMap((queue) => {
    const { lots, queue: main, processing, delayed } = queue.keys;
    return [lots, main, processing, delayed];
  });
  const [single] = queues;
  if (queues.length === 1 && single?.seen && maxDepth === 0 && apart.length === 0 && all.length > 0) {
    const error = await push(connection, single, all);
    if (error !== undefined) for (const place of allPlaces) outcomes[place] = { error };
    return outcomes;
  }
  // An empty batch asks all the same: whether the queues are there.
  const reply = await withQueues(connection, queues, () =>
    connection.run(SEND, keys, [maxDepth, all.length, ...all, ...apart]),
  );
  const [time, taken, refused, failures] = list(reply);
  clock.heard(integer(time));
  const room = integer(taken);
  for (const place of allPlaces.slice(room)) fail(place, 'FULL', []);
  for (const [index, problem] of inGroups(list(refused), 2)) {
    for (const place of allPlaces.slice(0, room)) fail(place, problem, [index]);
  }
  for (const [place, index, problem] of inGroups(list(failures), 3)) fail(integer(place), problem, [index]);
  return outcomes;
}

/**
 * Pushes to the one queue there is without a script, which would read all that it hands on. Whether the queue has been lost
 * since it was seen is found out by who consumes. Resolves with why nothing was stored.
 */
async function push(
  connection: Connection,
  { keys }: Queue,
  natives: readonly string[],
): Promise<TransportError | undefined> {
  try {
    await connection.at(keys.queue).call('LPUSH', keys.queue, ...natives);
    return undefined;
  } catch (error) {
    if (error instanceof TransportError && (error.code === 'Throttled' || error.code === 'Invalid'))
      return error;
    throw error;
  }
}

function refusal(queues: readonly Queue[], message: Outgoing): TransportError | undefined {
  return (
    tooLarge(message, LIMITS.messageBytes) ??
    notFound(queues[0]?.topic ?? '', message.only, (name) =>
      queues.some(({ subscription }) => subscription === name),
    ) ??
    halfPair(message.body)
  );
}

function failure(problem: string, connection: Connection, topic: string): TransportError {
  if (problem !== 'FULL') return scriptError(problem, connection.place);
  return new TransportError(
    'Throttled',
    `${topic} holds as many messages as maxDepth allows: consume faster, or raise it`,
  );
}
