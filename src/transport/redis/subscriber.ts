import type { Redis } from 'ioredis';
import { backoffDelay, pause } from '../../time/backoff.ts';
import { TransportError } from '../errors.ts';
import type { Listening, Told } from '../transport.ts';
import { createClient, greet } from './client.ts';
import { connectError, redirected, transportError } from './errors.ts';
import { placeOf } from './server.ts';
import type { Node, ServerOptions } from './server-options.ts';

/** Who hears the texts of a channel. */
export interface Hearing extends Pick<Told, 'onAway' | 'onGap'> {
  onText(text: string): void;
}

/** One connection that listens, for all channels: made for the first, given up after the last. */
export interface Subscriber {
  /** Resolves once the server has it. Rejects with a TransportError, and then tries no more. */
  subscribe(channel: string, hearing: Hearing): Promise<Listening>;
  close(): void;
}

interface Channel {
  readonly hearings: Set<Hearing>;
  /** How many more are about to hear it. */
  coming: number;
}

const BACKOFF = { baseMs: 100, maxMs: 5_000 };
/** How often a server is asked whether it is there, in ms: one that says nothing may have nothing to say. */
const PING_EVERY = 5_000;

/**
 * While somebody listens the connection holds the process, and is made again when it dies.
 *
 * @param sharded Whether the channels are those of a shard. Where a node sends them to another, it is followed.
 * @param findNode Asks where to listen, each time that a connection is made. Rejects with a TransportError.
 */
export function createSubscriber(
  options: ServerOptions,
  sharded: boolean,
  findNode: () => Promise<Node>,
): Subscriber {
  let place = placeOf(options);
  const channels = new Map<string, Channel>();
  /** What stands, or is being made. */
  let current: Promise<Redis> | undefined;
  let open: Redis | undefined;
  /** Who has been told that it is away, and not yet that it is back. */
  const away = new Map<Hearing, TransportError>();
  /** There while it is tried again; ends the pauses. */
  let trying: AbortController | undefined;
  let closed = false;
  /** Counts connections; also raised when what is being made is not wanted any more. */
  let attempt = 0;

  const take = (client: Redis, channel: string): Promise<unknown> =>
    sharded ? client.ssubscribe(channel) : client.subscribe(channel);

  function connected(): Promise<Redis> {
    if (current !== undefined) return current;
    const made = connect();
    current = made;
    made.catch(() => {
      if (current === made) current = undefined;
    });
    return made;
  }

  /** With all channels that are heard by now. */
  async function connect(sentOn?: Node): Promise<Redis> {
    const mine = ++attempt;
    const node = sentOn ?? (await findNode());
    if (mine !== attempt) throw closedError();
    place = placeOf(node);
    const client = createClient(options, node, 0);
    open = client;
    let reason: unknown;
    client.on('error', (error) => {
      reason = error;
    });
    client.on(sharded ? 'smessage' : 'message', (channel: string, text: string) => {
      for (const hearing of channels.get(channel)?.hearings ?? []) hearing.onText(text);
    });
    try {
      await greet(client, options, node);
    } catch (error) {
      client.disconnect();
      throw error instanceof TransportError ? error : connectError(reason ?? error, place, options.tls);
    }
    try {
      await Promise.all(Array.from(channels.keys(), (channel) => take(client, channel)));
    } catch (error) {
      client.disconnect();
      const other = sentOn === undefined ? redirected(error, 'MOVED', node) : undefined;
      if (other !== undefined && open === client) return connect(other);
      throw transportError(reason ?? error, place);
    }
    const asking = setInterval(() => client.ping().catch(() => undefined), PING_EVERY);
    // The channels of a shard have gone to another node.
    client.once('moved', () => client.disconnect());
    client.once('end', () => {
      clearInterval(asking);
      if (open === client) lost(transportError(reason ?? new Error('the connection has ended'), place));
    });
    return client;
  }

  function lost(reason: TransportError): void {
    current = undefined;
    for (const { hearings } of channels.values()) {
      for (const hearing of hearings) {
        if (away.has(hearing)) continue;
        away.set(hearing, reason);
        hearing.onAway(reason);
      }
    }
    if (trying === undefined && away.size > 0) {
      trying = new AbortController();
      void listenAgain(trying.signal);
    }
  }

  /** Tries until it listens, or nobody is left to. */
  async function listenAgain(signal: AbortSignal): Promise<void> {
    for (let tried = 1; ; tried++) {
      await pause(backoffDelay(BACKOFF, tried), signal);
      if (signal.aborted) return;
      const made = await connected().catch(() => undefined);
      if (signal.aborted) return;
      if (made !== undefined) break;
    }
    trying = undefined;
    const told = [...away];
    away.clear();
    for (const [hearing, reason] of told) hearing.onGap(reason);
  }

  function leave(name: string, channel: Channel): void {
    if (channel.hearings.size + channel.coming > 0 || channels.get(name) !== channel) return;
    channels.delete(name);
    if (channels.size === 0) disconnect();
    else if (open?.status === 'ready') {
      const unsubscribed = sharded ? open.sunsubscribe(name) : open.unsubscribe(name);
      unsubscribed.catch(() => undefined);
    }
  }

  function disconnect(): void {
    trying?.abort();
    trying = undefined;
    away.clear();
    const client = open;
    attempt++;
    open = undefined;
    current = undefined;
    client?.disconnect();
  }

  return {
    async subscribe(name, hearing) {
      if (closed) throw closedError();
      const channel = channels.get(name) ?? { hearings: new Set(), coming: 0 };
      channels.set(name, channel);
      channel.coming++;
      try {
        // The connection may have begun before this channel was asked for; asked twice, the server changes nothing.
        await take(await connected(), name);
        if (closed) throw closedError();
        channel.hearings.add(hearing);
      } catch (error) {
        throw closed ? closedError() : transportError(error, place);
      } finally {
        channel.coming--;
        leave(name, channel);
      }
      return {
        async close() {
          channel.hearings.delete(hearing);
          away.delete(hearing);
          leave(name, channel);
        },
      };
    },

    close() {
      closed = true;
      channels.clear();
      disconnect();
    },
  };
}

function closedError(): TransportError {
  return new TransportError('Closed', 'the redis transport is closed');
}
