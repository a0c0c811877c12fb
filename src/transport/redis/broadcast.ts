import { TransportError } from '../errors.ts';
import { tooLarge } from '../refusals.ts';
import type { Notice, SendOutcome } from '../transport.ts';
import type { OpenBroadcast } from '../with-broadcast.ts';
import { type Connection, createConnection } from './connection.ts';
import { decodeFrame, encodeFrame, entryText, unwritable } from './frame.ts';
import type { Node, ServerOptions } from './server-options.ts';
import { createSubscriber, type Subscriber } from './subscriber.ts';

export interface RedisBroadcastOptions extends ServerOptions {
  readonly prefix: string;
  /** The transport's: see `Limits`. */
  readonly messageBytes: number;
  /** Whether a channel belongs to its shard of a cluster, instead of passing through all of its nodes. */
  readonly sharded: boolean;
  /** Of programs that are not ours. */
  readonly wording?: NoticeWording;
}

/** What channels are called, and what is said there. */
export interface NoticeWording {
  channel(topic: string): string;
  /** Throws a TransportError, `Invalid`, for what cannot be said so. */
  write(notice: Notice, topic: string): string;
  read(text: string, topic: string): Notice;
}

/**
 * Broadcasts over Pub/Sub: a channel for each topic, on a connection of its own to notify, so that nothing waits behind a
 * batch of messages, and on one to listen. Each is made when it is needed. On a cluster, who listens asks over the first.
 */
export function createRedisBroadcast(options: RedisBroadcastOptions): OpenBroadcast {
  const { sharded, messageBytes, wording = ownWording(options) } = options;
  const connection = createConnection(options);
  /** Each shard has a node of its own. Elsewhere one hears all. */
  const subscribers = new Map<string, Subscriber>();
  const publish = sharded ? 'SPUBLISH' : 'PUBLISH';
  const publishAll = `for _, text in ipairs(ARGV) do redis.call('${publish}', KEYS[1], text) end`;

  function subscriberOf(channel: string): Subscriber {
    const key = sharded ? channel : '';
    const known = subscribers.get(key);
    if (known !== undefined) return known;
    const made = createSubscriber(options, sharded, () => nodeOf(options, connection, channel));
    subscribers.set(key, made);
    return made;
  }

  return {
    async notify(topic, notices) {
      const channel = wording.channel(topic);
      const outcomes: SendOutcome[] = [];
      const texts: string[] = [];
      for (const notice of notices) {
        const text =
          tooLarge(notice, messageBytes) ??
          unwritable(encodeFrame(notice), notice.body) ??
          written(wording, notice, topic);
        outcomes.push(text instanceof TransportError ? { error: text } : 'accepted');
        if (!(text instanceof TransportError)) texts.push(text);
      }
      const [first] = texts;
      // The whole text of the script: what had to ask for it first would be overtaken by what is said meanwhile.
      const shard = connection.at(channel);
      if (texts.length > 1) await shard.call('EVAL', publishAll, 1, channel, ...texts);
      else if (first !== undefined) await shard.call(publish, channel, first);
      return outcomes;
    },

    async listen(topic, { onNotice, ...told }) {
      const channel = wording.channel(topic);
      const onText = (text: string): void => onNotice(wording.read(text, topic));
      return subscriberOf(channel).subscribe(channel, { ...told, onText });
    },

    async close() {
      connection.close();
      for (const subscriber of subscribers.values()) subscriber.close();
    },
  };
}

async function nodeOf(options: ServerOptions, connection: Connection, channel: string): Promise<Node> {
  if (options.cluster !== undefined) return nodeInCluster(connection.at(channel), channel);
  if (options.sentinel === undefined) return options;
  // Who listens only should not keep another connection for that.
  const asking = createConnection(options);
  try {
    return (await asking.server()).node;
  } finally {
    asking.close();
  }
}

/** Over a connection that is kept: it learns of nodes that the URL does not name, and those of the URL may all go. */
async function nodeInCluster(connection: Connection, channel: string): Promise<Node> {
  // It remembers who had the channel. That node must answer, or the next try asks the others.
  await connection.call('EXISTS', channel);
  return (await connection.server()).node;
}

/** Channels do not belong to a database: what is said in one must not be heard in another. */
function channelOf({ prefix, database }: RedisBroadcastOptions, topic: string): string {
  const channel = `${prefix}:{${topic}}:broadcast`;
  return database === 0 ? channel : `${channel}:${database}`;
}

function ownWording(options: RedisBroadcastOptions): NoticeWording {
  return {
    channel: (topic) => channelOf(options, topic),
    write: (notice) => entryText(encodeFrame(notice), notice.body),
    read: readNotice,
  };
}

function written(wording: NoticeWording, notice: Notice, topic: string): string | TransportError {
  try {
    return wording.write(notice, topic);
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
}

/** What other programs publish there has no frame, perhaps: its text is then its body. */
function readNotice(text: string): Notice {
  const end = text.indexOf('\n');
  if (end === -1) return { id: '', headers: {}, body: text };
  const { id, headers } = decodeFrame(text.slice(0, end));
  return { id, headers, body: text.slice(end + 1) };
}
