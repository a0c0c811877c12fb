import { pause } from '../../time/backoff.ts';
import { TransportError } from '../errors.ts';
import { createBlockingReader } from '../redis/blocking.ts';
import type { Connection } from '../redis/connection.ts';
import { createOwners } from '../redis/owners.ts';
import { integer, list } from '../redis/replies.ts';
import { createStops } from '../redis/stops.ts';
import type { Incoming, ReceiveOptions } from '../transport.ts';
import type { SubscriptionPlace, TopicPlace } from './directory.ts';
import { withGroups } from './groups.ts';
import type { Layout } from './layout.ts';
import type { RedisStreamsOptions } from './options.ts';

/**
 * How long a consumer does without a look at what is held apart, and the longest blocking read: what another
 * consumer gives back is seen after it at the latest. In ms.
 */
export const LONGEST_QUIET = 500;
/** How often somebody, whoever comes first, looks for abandoned messages. In ms. */
const SWEEP_EVERY = 500;
const CONSUMER_AWAY = 600_000;
/** Pauses of a consumer that polls, in ms. */
const SHORTEST_PAUSE = 5;
const LONGEST_PAUSE = 200;

export interface ReceiverOptions {
  readonly connection: Connection;
  readonly connectBlocking: () => Connection;
  readonly topic: TopicPlace;
  readonly subscription: SubscriptionPlace;
  readonly options: RedisStreamsOptions;
  /** What consumers are called that do not name themselves. */
  readonly instance: string;
  readonly giveBack: (received: readonly Incoming[]) => Promise<void>;
  readonly layout: Layout;
}

/** A call, and in whose name: what the consumer is called before the length of its lease. */
interface Request extends ReceiveOptions {
  readonly owner: string;
}

/** Receives for one subscription. */
export interface Receiver {
  receive(options: ReceiveOptions): Promise<Incoming[]>;
  /** Something of this subscription will be ready in so many ms: a blocking read would not see it. */
  expect(ms: number): void;
  /** Ends all waiting, and gives back what a blocking read still brings. */
  close(): Promise<void>;
}

export function createReceiver(receiver: ReceiverOptions): Receiver {
  const { connection, topic, subscription, options, layout } = receiver;
  const { keys, name } = subscription;
  const consumerAway = options.consumerAwayMs ?? CONSUMER_AWAY;
  const owners = createOwners(receiver.instance, consumerAway);
  /** On a cluster, where the topic is. */
  const here = connection.at(keys.stream);
  const reader = createBlockingReader(receiver.connectBlocking, here);
  const stops = createStops();
  let closed = false;
  let tokens = 0;
  let sweptAt = Number.NEGATIVE_INFINITY;
  /** Said by the next call, for this one has messages to hand over. */
  let loss: TransportError | undefined;
  /** Until then nothing but new entries can come, which a blocking read sees as well. */
  let quietUntil = 0;

  /** Takes what is held apart and ready. */
  async function takeHeld({ max, leaseMs, owner }: Request): Promise<Incoming[]> {
    if (loss !== undefined) {
      const error = loss;
      loss = undefined;
      throw error;
    }
    const askedAt = performance.now();
    const sweep = askedAt - sweptAt >= SWEEP_EVERY;
    if (sweep) sweptAt = askedAt;
    const token = `${owner}.${leaseMs}.${++tokens}`;
    const reply = await withGroups(connection, topic, () =>
      connection.run(
        layout.take,
        [keys.stream, keys.waiting, keys.leased, keys.bodies, keys.states, keys.swept, keys.dead, keys.shown],
        [
          name,
          max,
          leaseMs,
          token,
          sweep ? SWEEP_EVERY : 0,
          subscription.leaseMs,
          options.retentionMs,
          consumerAway,
          subscription.maxDeliveries,
        ],
      ),
    );
    const [held, soon, length, lost] = list(reply);
    topic.length = integer(length);
    if (lost !== 0) loss = lostMessages(integer(lost));
    const quiet = integer(soon);
    quietUntil = askedAt + (quiet < 0 ? LONGEST_QUIET : Math.min(quiet, LONGEST_QUIET));
    return list(held).map((message) =>
      layout.held(list(message), { owner, token }, askedAt + leaseMs, topic.name),
    );
  }

  /** Takes entries of the stream, as many as there are now. */
  async function readNow(request: Request): Promise<Incoming[]> {
    const askedAt = performance.now();
    const [command, ...args] = readCommand(request);
    const reply = await withGroups(connection, topic, () =>
      here.call(command, ...args, 'STREAMS', keys.stream, '>'),
    );
    return entriesOf(reply, request.owner, askedAt + request.leaseMs);
  }

  function readCommand({ max, leaseMs, owner }: Request) {
    return ['XREADGROUP', 'GROUP', name, `${owner}.${leaseMs}`, 'COUNT', max] as const;
  }

  function lostMessages(count: number): TransportError {
    return new TransportError(
      'Unavailable',
      `${count} messages of ${topic.name}/${name} are lost: they were removed from ${keys.stream} before they were handled; let no other program delete or trim there`,
    );
  }

  async function readBlocking(request: Request, waitMs: number, stop: AbortSignal): Promise<Incoming[]> {
    // A lease begins when the message is handed over, which is known to be after the read has begun, no more.
    const askedAt = performance.now();
    const { owner, leaseMs } = request;
    const ms = Math.max(1, Math.ceil(Math.min(waitMs, LONGEST_QUIET, leaseMs / 4)));
    const reply = await withGroups(connection, topic, () =>
      reader.read([...readCommand(request), 'BLOCK', ms, 'STREAMS', keys.stream, '>'], {
        stop,
        late: async (late) => {
          await receiver.giveBack(entriesOf(late, owner, askedAt + leaseMs));
          return undefined;
        },
      }),
    );
    return entriesOf(reply, owner, askedAt + leaseMs);
  }

  function entriesOf(reply: unknown, owner: string, leaseUntil: number): Incoming[] {
    if (reply === null || reply === undefined) return [];
    const [, entries] = list(list(reply)[0]);
    return list(entries).map((entry) => layout.entry(list(entry), owner, leaseUntil, topic.name));
  }

  /** Waits until there may be something, for `waitMs` at most; a blocking read brings it along. */
  async function wait(request: Request, waitMs: number, tried: number): Promise<Incoming[]> {
    if (request.signal?.aborted) return [];
    const stop = stops.begin(request.signal);
    try {
      const { underWay } = reader;
      if (!options.blocking) {
        const ms = Math.min(SHORTEST_PAUSE * 2 ** Math.min(tried, 10), LONGEST_PAUSE, waitMs);
        await pause(ms, stop.signal);
      } else if (underWay !== undefined) {
        await Promise.race([underWay, pause(waitMs, stop.signal)]);
        // Ends a pause that has lost the race. Not done otherwise: it costs as much as all the rest.
        stop.abort();
      } else {
        return await readBlocking(request, waitMs, stop.signal);
      }
      return [];
    } finally {
      stops.end(stop);
    }
  }

  /** What is held must not be lost because of what comes after it: the next call finds out what that was. */
  async function readMore(request: Request, held: Incoming[]): Promise<Incoming[]> {
    if (held.length === 0) return readNow(request);
    const more = await readNow({ ...request, max: request.max - held.length }).catch(() => []);
    return [...held, ...more];
  }

  function ensureOpen(): void {
    if (closed) throw new TransportError('Closed', 'the redis transport is closed');
  }

  return {
    async receive(asked) {
      const request = { ...asked, owner: owners.ownerOf(asked.consumer) };
      const { max, waitMs, signal } = request;
      const deadline = performance.now() + waitMs;
      for (let tried = 0; ; tried++) {
        ensureOpen();
        if (signal?.aborted) return [];
        // Who does not wait wants all that there is.
        const held = waitMs > 0 && performance.now() < quietUntil ? [] : await takeHeld(request);
        if (held.length === max) return held;
        const waits = options.blocking && reader.underWay === undefined && held.length === 0;
        const now = performance.now();
        const left = Math.min(deadline, quietUntil) - now;
        // A blocking read brings what there is, too.
        if (!waits || left <= 0) {
          const entries = await readMore(request, held);
          if (entries.length > 0 || now >= deadline) return entries;
          if (left <= 0) continue;
        }
        const received = await wait(request, left, tried);
        if (received.length > 0) return received;
      }
    },

    expect(ms) {
      quietUntil = Math.min(quietUntil, performance.now() + ms);
    },

    async close() {
      closed = true;
      stops.stopAll();
      await reader.close();
    },
  };
}
