import { TransportError } from '../errors.ts';
import { createBlockingReader } from '../redis/blocking.ts';
import type { Connection } from '../redis/connection.ts';
import { createOwners } from '../redis/owners.ts';
import { integer, list } from '../redis/replies.ts';
import {
  CONSUMER_AWAY,
  createWaiting,
  LONGEST_QUIET,
  type Receiver,
  type Request,
} from '../redis/waiting.ts';
import type { Incoming } from '../transport.ts';
import type { SubscriptionPlace, TopicPlace } from './directory.ts';
import { withGroups } from './groups.ts';
import type { Layout } from './layout.ts';
import type { RedisStreamsOptions } from './options.ts';

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
  readonly ensureOpen: () => void;
}

export function createReceiver(receiver: ReceiverOptions): Receiver {
  const { connection, topic, subscription, options, layout } = receiver;
  const { keys, name } = subscription;
  const consumerAway = options.consumerAwayMs ?? CONSUMER_AWAY;
  /** What consumers are called before the length of their lease. */
  const owners = createOwners(receiver.instance, consumerAway);
  /** On a cluster, where the topic is. */
  const here = connection.at(keys.stream);
  const reader = createBlockingReader(receiver.connectBlocking, here);
  const waiting = createWaiting(reader);
  let tokens = 0;
  /** Said by the next call, for this one has messages to hand over. */
  let loss: TransportError | undefined;

  /** Takes what is held apart and ready. */
  async function takeHeld({ max, leaseMs, owner }: Request): Promise<Incoming[]> {
    if (loss !== undefined) {
      const error = loss;
      loss = undefined;
      throw error;
    }
    const askedAt = performance.now();
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
          waiting.sweepMs(askedAt),
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
    waiting.looked(askedAt, integer(soon));
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

  /** What is held must not be lost because of what comes after it: the next call finds out what that was. */
  async function readMore(request: Request, held: Incoming[]): Promise<Incoming[]> {
    if (held.length === 0) return readNow(request);
    const more = await readNow({ ...request, max: request.max - held.length }).catch(() => []);
    return [...held, ...more];
  }

  return {
    async receive(asked) {
      const request = { ...asked, owner: owners.ownerOf(asked.consumer) };
      const { max, waitMs, signal } = request;
      const deadline = performance.now() + waitMs;
      for (let tried = 0; ; tried++) {
        receiver.ensureOpen();
        if (signal?.aborted) return [];
        // Who does not wait wants all that there is.
        const held = waitMs > 0 && performance.now() < waiting.quietUntil ? [] : await takeHeld(request);
        if (held.length === max) return held;
        const waits = options.blocking && reader.underWay === undefined && held.length === 0;
        const now = performance.now();
        const left = Math.min(deadline, waiting.quietUntil) - now;
        // A blocking read brings what there is, too.
        if (!waits || left <= 0) {
          const entries = await readMore(request, held);
          if (entries.length > 0 || now >= deadline) return entries;
          if (left <= 0) continue;
        }
        const read = options.blocking ? (stop: AbortSignal) => readBlocking(request, left, stop) : undefined;
        const received = await waiting.wait({ ms: left, tried, signal }, read);
        if (received !== undefined && received.length > 0) return received;
      }
    },
    expect: waiting.expect,
    close: waiting.close,
  };
}
