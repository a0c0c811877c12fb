import { pause } from '../../time/backoff.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { TransportError } from '../errors.ts';
import { createBlockingReader } from '../redis/blocking.ts';
import type { Connection } from '../redis/connection.ts';
import { createOwners } from '../redis/owners.ts';
import { integer, list, text } from '../redis/replies.ts';
import { createStops } from '../redis/stops.ts';
import type { Incoming, ReceiveOptions } from '../transport.ts';
import type { ServerClock } from './clock.ts';
import type { Queue } from './directory.ts';
import { deliveries } from './incoming.ts';
import type { RedisListOptions } from './options.ts';
import { withQueues } from './queues.ts';
import { PUT_BACK, TAKE } from './scripts/receive.ts';

/**
 * How long a consumer does without a look at what is delayed and abandoned, and the longest blocking move. In ms.
 */
export const LONGEST_QUIET = 500;
/** How often somebody, whoever comes first, looks for what others left in the processing list. In ms. */
const SWEEP_EVERY = 500;
const CONSUMER_AWAY = 600_000;
/** Pauses of a consumer that polls, in ms. */
const SHORTEST_PAUSE = 5;
const LONGEST_PAUSE = 200;

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
}

/** A call, and in whose name: empty for one that does not name itself. */
interface Request extends ReceiveOptions {
  readonly owner: string;
}

/** Receives for one subscription. */
export interface Receiver {
  receive(options: ReceiveOptions): Promise<Incoming[]>;
  /** Something of this subscription will be ready in so many ms: a blocking move would not see it. */
  expect(ms: number): void;
  /** Ends all waiting, and puts back what a blocking move still brings. */
  close(): Promise<void>;
}

export function createReceiver(receiver: ReceiverOptions): Receiver {
  const { connection, clock, queue, dialect, options, instance } = receiver;
  const { keys, topic } = queue;
  const consumerAway = options.consumerAwayMs ?? CONSUMER_AWAY;
  const owners = createOwners('', consumerAway);
  const reader = createBlockingReader(receiver.connectBlocking, connection.at(keys.queue));
  const stops = createStops();
  let closed = false;
  let sweptAt = Number.NEGATIVE_INFINITY;
  /** Until then nothing but new entries can come, which a blocking move sees as well. */
  let quietUntil = 0;
  /** So much is in flight that nothing is taken. */
  let full = false;

  /**
   * Takes what is ready, in one script.
   *
   * @param moved What a blocking move has brought to the processing list.
   */
  async function take({ max, leaseMs, owner }: Request, moved?: string): Promise<Incoming[]> {
    const askedAt = performance.now();
    const sweep = askedAt - sweptAt >= SWEEP_EVERY;
    if (sweep) sweptAt = askedAt;
    const token = `${owner}.${instance}.${receiver.nextNumber()}`;
    const { queue: main, processing, delayed, leases, lots, returned, consumers, swept, dead, shown } = keys;
    const sweepMs = sweep ? SWEEP_EVERY : 0;
    const args = [max, leaseMs, token, owner, sweepMs, queue.leaseMs, consumerAway, queue.maxDeliveries];
    const reply = await withQueues(connection, [queue], () =>
      connection.run(
        TAKE,
        [main, processing, delayed, leases, lots, returned, consumers, swept, dead, shown],
        moved === undefined ? args : [...args, moved],
      ),
    );
    const [pages, sizes, again, soon, length, time, inFlight, adopted] = list(reply);
    queue.length = integer(length);
    clock.heard(integer(time));
    full = inFlight === 1;
    const quiet = integer(soon) < 0 ? LONGEST_QUIET : Math.min(integer(soon), LONGEST_QUIET);
    const leaseUntil = askedAt + leaseMs;
    const received = deliveries([pages, sizes, again, time], { topic, token, dialect, leaseUntil });
    // While more comes than the move alone, asking outright is quicker.
    quietUntil = received.length <= integer(adopted) ? askedAt + quiet : 0;
    return received;
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

  /** Waits until there may be something, for `waitMs` at most; a blocking move brings it along. */
  async function wait({ signal }: Request, waitMs: number, tried: number): Promise<string | undefined> {
    if (signal?.aborted) return undefined;
    const stop = stops.begin(signal);
    try {
      const { underWay } = reader;
      if (!options.blocking || full) {
        const ms = Math.min(SHORTEST_PAUSE * 2 ** Math.min(tried, 10), LONGEST_PAUSE, waitMs);
        await pause(ms, stop.signal);
      } else if (underWay !== undefined) {
        await Promise.race([underWay, pause(waitMs, stop.signal)]);
        // Ends a pause that has lost the race. Not done otherwise: it costs as much as all the rest.
        stop.abort();
      } else {
        return await move(waitMs, stop.signal).catch((error: unknown) => {
          if (!(error instanceof TransportError) || error.code !== 'Throttled') throw error;
          // A server whose memory is full moves nothing outside of scripts, and consuming is what frees it.
          return pause(Math.min(LONGEST_PAUSE, waitMs), stop.signal).then(() => undefined);
        });
      }
      return undefined;
    } finally {
      stops.end(stop);
    }
  }

  function ensureOpen(): void {
    if (closed) throw new TransportError('Closed', 'the redis+list transport is closed');
  }

  return {
    async receive(asked) {
      const request = { ...asked, owner: owners.ownerOf(asked.consumer) };
      const { waitMs, signal } = request;
      const deadline = performance.now() + waitMs;
      let moved: string | undefined;
      for (let tried = 0; ; tried++) {
        ensureOpen();
        if (moved === undefined && signal?.aborted) return [];
        // Who does not wait wants what there is.
        const skips = moved === undefined && options.blocking && waitMs > 0 && performance.now() < quietUntil;
        if (!skips) {
          const taken = await take(request, moved);
          if (taken.length > 0) return taken;
        }
        const now = performance.now();
        if (now >= deadline) return [];
        const left = Math.min(deadline, quietUntil) - now;
        moved = left > 0 ? await wait(request, left, tried) : undefined;
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
