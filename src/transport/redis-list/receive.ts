import { pause } from '../../time/backoff.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { TransportError } from '../errors.ts';
import { createBlockingReader } from '../redis/blocking.ts';
import type { Connection } from '../redis/connection.ts';
import { createOwners } from '../redis/owners.ts';
import { integer, list, text } from '../redis/replies.ts';
import {
  CONSUMER_AWAY,
  createWaiting,
  LONGEST_PAUSE,
  LONGEST_QUIET,
  type Receiver,
  type Request,
} from '../redis/waiting.ts';
import type { Incoming } from '../transport.ts';
import type { ServerClock } from './clock.ts';
import type { Queue } from './directory.ts';
import { deliveries } from './incoming.ts';
import { listOf } from './keys.ts';
import type { RedisListOptions } from './options.ts';
import { withQueues } from './queues.ts';
import { PUT_BACK, REAP, TAKE } from './scripts/receive.ts';

export interface ReceiverOptions {
  readonly connection: Connection;
  readonly connectBlocking: () => Connection;
  readonly clock: ServerClock;
  readonly queue: Queue;
  readonly dialect: Dialect<string>;
  readonly options: RedisListOptions;
  /** Sets this transport's lots apart from all others. */
  readonly instance: string;
  /** Never the same twice in this transport. */
  readonly nextNumber: () => number;
  readonly ensureOpen: () => void;
}

export function createReceiver(receiver: ReceiverOptions): Receiver {
  const { connection, clock, queue, dialect, options, instance } = receiver;
  const { keys, topic } = queue;
  const consumerAway = options.consumerAwayMs ?? CONSUMER_AWAY;
  /** Empty for a consumer that does not name itself. */
  const owners = createOwners('', consumerAway);
  /** On a cluster, where the topic is. */
  const here = connection.at(keys.queue);
  const reader = createBlockingReader(receiver.connectBlocking, here);
  const waiting = createWaiting(reader);
  /**
   * Takes what is ready, in one script, and reads it from the list of its lot.
   *
   * @param moved What a blocking move has brought to the processing list.
   */
  async function take(request: Request, moved?: string): Promise<Incoming[]> {
    const { max, leaseMs, owner } = request;
    const askedAt = performance.now();
    const token = `${owner}.${instance}.${receiver.nextNumber()}`;
    const own = listOf(keys, token);
    const { queue: main, processing, delayed, leases, lots, returned, consumers, swept, dead, shown } = keys;
    const sweepMs = waiting.sweepMs(askedAt);
    const args = [max, leaseMs, token, owner, sweepMs, queue.leaseMs, consumerAway, queue.maxDeliveries];
    const readOwn = () => here.call('LRANGE', own, 0, -1);
    // The second is sent right behind the first.
    const [reply, read] = await withQueues(connection, [queue], () =>
      Promise.all([
        connection.run(
          TAKE,
          [main, processing, delayed, leases, lots, returned, consumers, swept, dead, shown, own],
          moved === undefined ? args : [...args, moved],
        ),
        readOwn(),
      ]),
    );
    const [taken, again, soon, length, time, adopted, over] = list(reply);
    queue.length = integer(length);
    const now = integer(time);
    clock.heard(now);
    const size = integer(taken);
    // Where the script was sent again, or elsewhere, the other was first.
    const entries = list(read).length < size ? await readOwn() : read;
    const lot = { id: `${token}.${size}`, size, list: own };
    const leaseUntil = askedAt + leaseMs;
    const received = deliveries(list(entries), list(again), { topic, lot, dialect, leaseUntil, now });
    // While more comes than the move alone, asking outright is quicker.
    waiting.looked(askedAt, size <= integer(adopted) ? integer(soon) : 0);
    const reaping = list(over).map((id) => reap(text(id)));
    if (received.length === 0 && reaping.length > 0) {
      await Promise.all(reaping);
      return take(request);
    }
    // Whoever looks next does it, where this fails.
    await Promise.allSettled(reaping);
    const last = adopted === 1 && received.length > 1 ? received.pop() : undefined;
    return last === undefined ? received : [last, ...received];
  }

  /** Returns a lot whose lease is over to the queue. */
  async function reap(id: string): Promise<void> {
    const { queue: main, dead, leases, lots, returned } = keys;
    const own = listOf(keys, id.replace(/\.\d+$/, ''));
    await connection.run(REAP, [main, dead, leases, lots, returned, own], [id, queue.maxDeliveries]);
  }

  async function putBack(moved: unknown): Promise<undefined> {
    if (typeof moved === 'string') await connection.run(PUT_BACK, [keys.processing, keys.queue], [moved]);
    return undefined;
  }

  /** Waits for an entry, which the server moves to the processing list: if this process ends now, it has no lease, and gets one. */
  async function move(waitMs: number, stop: AbortSignal): Promise<string | undefined> {
    const seconds = Math.max(1, Math.ceil(Math.min(waitMs, LONGEST_QUIET))) / 1_000;
    const reply = await withQueues(connection, [queue], () =>
      reader.read(['BLMOVE', keys.queue, keys.processing, 'RIGHT', 'LEFT', seconds], { stop, late: putBack }),
    );
    return reply === null || reply === undefined ? undefined : text(reply);
  }

  /** A server whose memory is full moves nothing outside of scripts, and consuming is what frees it. */
  async function moveOrPause(waitMs: number, stop: AbortSignal): Promise<string | undefined> {
    try {
      return await move(waitMs, stop);
    } catch (error) {
      if (!(error instanceof TransportError) || error.code !== 'Throttled') throw error;
      await pause(Math.min(LONGEST_PAUSE, waitMs), stop);
      return undefined;
    }
  }

  return {
    async receive(asked) {
      const request = { ...asked, owner: owners.ownerOf(asked.consumer) };
      const { waitMs, signal } = request;
      const deadline = performance.now() + waitMs;
      let moved: string | undefined;
      for (let tried = 0; ; tried++) {
        receiver.ensureOpen();
        if (moved === undefined && signal?.aborted) return [];
        // Who does not wait wants what there is.
        const skips =
          moved === undefined && options.blocking && waitMs > 0 && performance.now() < waiting.quietUntil;
        if (!skips) {
          const taken = await take(request, moved);
          if (taken.length > 0) return taken;
        }
        const now = performance.now();
        if (now >= deadline) return [];
        const ms = Math.min(deadline, waiting.quietUntil) - now;
        const read = options.blocking ? (stop: AbortSignal) => moveOrPause(ms, stop) : undefined;
        moved = ms > 0 ? await waiting.wait({ ms, tried, signal }, read) : undefined;
      }
    },
    expect: waiting.expect,
    close: waiting.close,
  };
}
