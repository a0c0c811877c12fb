import { TransportError } from '../errors.ts';
import { createBlockingReader } from '../redis/blocking.ts';
import type { Connection } from '../redis/connection.ts';
import { transportError } from '../redis/errors.ts';
import { createOwners } from '../redis/owners.ts';
import { integer, list, text } from '../redis/replies.ts';
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
import type { Lot } from './receipt.ts';
import { BEGIN_LOT, LEASE_LOT } from './scripts/lots.ts';

/** With fewer, what a lot takes itself is more than what it saves. */
const LOTS_FROM = 16;

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
  /** Of two that bear one name in one process, each has its own. */
  let tokens = Math.floor(Math.random() * 2 ** 40);
  /** Said by the next call, for this one has messages to hand over. */
  let loss: TransportError | undefined;
  const lotsFrom = options.lotsFrom ?? LOTS_FROM;
  /** Its group was the only one of the stream. */
  let alone = false;
  /** What is done is gone at once, and the server lets this user do it. */
  let mayLease = topic.lots !== undefined && options.retentionMs === 0;
  let mayBegin = false;
  /** Entries that the last read has brought. */
  let brought = lotsFrom;

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
        [
          keys.stream,
          keys.waiting,
          keys.leased,
          keys.bodies,
          keys.states,
          keys.swept,
          keys.dead,
          keys.shown,
          keys.lots,
        ],
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
    const [held, soon, length, lost, groups] = list(reply);
    topic.length = integer(length);
    alone = groups === 1;
    if (lost !== 0) loss = lostMessages(integer(lost));
    waiting.looked(askedAt, integer(soon));
    return list(held).map((message) =>
      layout.held(list(message), { owner, token }, askedAt + leaseMs, topic.name),
    );
  }

  /** Takes entries of the stream, as many as there are now. */
  async function readNow(request: Request): Promise<Incoming[]> {
    const entries = await (asLot(request) ? readLot(request) : readPending(request));
    brought = entries.length;
    return entries;
  }

  /** Whether to read a lot: while more comes than few, which a blocking read would have to be told. */
  function asLot({ max }: Request): boolean {
    return mayLease && alone && max >= lotsFrom && brought >= lotsFrom;
  }

  async function readPending(request: Request): Promise<Incoming[]> {
    const askedAt = performance.now();
    const [command, ...args] = readCommand(request);
    const reply = await withGroups(connection, topic, () =>
      here.call(command, ...args, 'STREAMS', keys.stream, '>'),
    );
    return entriesOf(reply, request.owner, askedAt + request.leaseMs);
  }

  /** The same as a lot, in one transaction; without one where that may not be, or the memory is too full for it. */
  async function readLot(request: Request): Promise<Incoming[]> {
    const askedAt = performance.now();
    const { owner, leaseMs } = request;
    const token = `${owner}.${leaseMs}.${++tokens}`;
    const [command, ...args] = readCommand(request);
    const lotKeys = [3, keys.stream, keys.lots, keys.states] as const;
    const begin = ['EVAL', BEGIN_LOT.lua, ...lotKeys, name, token] as const;
    const lease = ['EVAL', LEASE_LOT.lua, ...lotKeys, name, token, leaseMs] as const;
    try {
      return await withGroups(connection, topic, async () => {
        // Commands of a transaction that may not begin would be carried out one by one; and it goes on after a script that fails.
        if (!mayBegin) failIn(await here.together(begin, lease));
        mayBegin = true;
        const answers = await here.together(
          begin,
          [command, ...args, 'NOACK', 'STREAMS', keys.stream, '>'],
          lease,
        );
        const [, reply] = answers;
        const failed = answers.some((answer) => answer instanceof Error);
        const entries = reply instanceof Error ? [] : entriesIn(reply);
        if (!failed) return entriesOf(reply, owner, askedAt + leaseMs, { token, size: entries.length });
        mayBegin = false;
        if (entries.length === 0) failIn(answers);
        await here.call(
          'XCLAIM',
          ...[keys.stream, name, `${owner}.${leaseMs}`, 0],
          ...entries.map((entry) => text(list(entry)[0])),
          ...['FORCE', 'JUSTID'],
        );
        return entriesOf(reply, owner, askedAt + leaseMs);
      });
    } catch (error) {
      const code = error instanceof TransportError && error.code;
      if (code !== 'Denied' && code !== 'Throttled') throw error;
      if (code === 'Denied') mayLease = false;
      return readPending(request);
    }
  }

  function failIn(answers: readonly unknown[]): void {
    const failed = answers.find((answer) => answer instanceof Error);
    if (failed !== undefined) throw transportError(failed, here.place);
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
    const entries = entriesOf(reply, owner, askedAt + leaseMs);
    brought = entries.length;
    return entries;
  }

  function entriesOf(reply: unknown, owner: string, leaseUntil: number, lot?: Lot): Incoming[] {
    const read = { topic: topic.name, owner, leaseUntil, lot };
    return entriesIn(reply).map((entry) => layout.entry(list(entry), read));
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
        const waits =
          options.blocking && reader.underWay === undefined && held.length === 0 && !asLot(request);
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

function entriesIn(reply: unknown): readonly unknown[] {
  if (reply === null || reply === undefined) return [];
  const [, entries] = list(list(reply)[0]);
  return list(entries);
}
