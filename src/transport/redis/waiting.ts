import { pause } from '../../time/backoff.ts';
import type { Incoming, ReceiveOptions } from '../transport.ts';
import type { BlockingReader } from './blocking.ts';
import { createStops } from './stops.ts';

/**
 * How long a consumer does without a look at what is held apart, and the longest blocking read: what another
 * consumer gives back is seen after it at the latest. In ms.
 */
export const LONGEST_QUIET = 500;
/** A consumer that has not received for so long is forgotten, if nothing else is asked for. In ms. */
export const CONSUMER_AWAY = 600_000;
/** How often somebody, whoever comes first, looks for what was abandoned. In ms. */
const SWEEP_EVERY = 500;
/** Pauses of a consumer that polls, in ms. */
const SHORTEST_PAUSE = 5;
export const LONGEST_PAUSE = 200;

/** Receives for one subscription. */
export interface Receiver extends Pick<Waiting, 'expect' | 'close'> {
  receive(options: ReceiveOptions): Promise<Incoming[]>;
}

/** A call, and in whose name. */
export interface Request extends ReceiveOptions {
  readonly owner: string;
}

/** What the calls of a receiver know about when to look next. Times are on `performance.now()`. */
export interface Waiting {
  /** Until then nothing but new entries can come, which a blocking read sees as well. */
  readonly quietUntil: number;
  /** A look at what is held apart has begun then, and some of it is ready so many ms later; below 0: nothing is there. */
  looked(at: number, soonMs: number): void;
  /** Something of this subscription will be ready in so many ms: a blocking read would not see it. */
  expect(ms: number): void;
  /** How often to look for what was abandoned; 0 while a look of ours has just done so. */
  sweepMs(now: number): number;
  /**
   * Waits until there may be something, for `ms` at most, on a blocking read of another call, or one of its own, and brings
   * what that answers. Without `read` it pauses, the longer the more often it has `tried`.
   */
  wait<Answer>(
    { ms, tried, signal }: { ms: number; tried: number; signal: AbortSignal | undefined },
    read: ((stop: AbortSignal) => Promise<Answer>) | undefined,
  ): Promise<Answer | undefined>;
  /** Ends all waiting; what a blocking read still brings is given back. */
  close(): Promise<void>;
}

export function createWaiting(reader: BlockingReader): Waiting {
  const stops = createStops();
  let quietUntil = 0;
  let sweptAt = Number.NEGATIVE_INFINITY;

  return {
    get quietUntil() {
      return quietUntil;
    },

    looked(at, soonMs) {
      quietUntil = at + (soonMs < 0 ? LONGEST_QUIET : Math.min(soonMs, LONGEST_QUIET));
    },

    expect(ms) {
      quietUntil = Math.min(quietUntil, performance.now() + ms);
    },

    sweepMs(now) {
      if (now - sweptAt < SWEEP_EVERY) return 0;
      sweptAt = now;
      return SWEEP_EVERY;
    },

    async wait({ ms, tried, signal }, read) {
      if (signal?.aborted) return undefined;
      const stop = stops.begin(signal);
      try {
        const { underWay } = reader;
        if (read === undefined) {
          await pause(Math.min(SHORTEST_PAUSE * 2 ** Math.min(tried, 10), LONGEST_PAUSE, ms), stop.signal);
        } else if (underWay !== undefined) {
          await Promise.race([underWay, pause(ms, stop.signal)]);
          // Ends a pause that has lost the race. Not done otherwise: it costs as much as all the rest.
          stop.abort();
        } else {
          return await read(stop.signal);
        }
        return undefined;
      } finally {
        stops.end(stop);
      }
    },

    async close() {
      stops.stopAll();
      await reader.close();
    },
  };
}
