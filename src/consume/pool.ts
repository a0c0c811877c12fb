import type { Incoming } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import type { Ended, Processor, Sink } from './processor.ts';

/** Durations in ms. */
export interface PoolOptions {
  readonly processor: Pick<Processor, 'begin'>;
  /** How many are at work at once. */
  readonly concurrency: number;
  /** How many more may wait at hand, when they can begin soon. */
  readonly prefetch: number;
  /** What was delivered more often than this has perhaps killed its process. */
  readonly maxAttempts: number;
  readonly leaseMs: number;
  readonly onEnded: (ended: Ended) => void;
  /** Whether all that has ended is settled. */
  readonly allSettled: () => boolean;
  /** These have waited for half their lease: somebody less busy shall have them. */
  readonly onStale: (deliveries: readonly Incoming[]) => void;
  readonly extend: ExtendLeases;
}

/** Deliveries at hand and at work: begins one whenever a slot is free, and waits for no batch. */
export interface Pool {
  add(deliveries: readonly Incoming[]): void;
  /** Begins what can begin. To be called when something has been settled. */
  pump(): void;
  /** Learns how quickly deliveries end. To be called once for each turn in which some did. */
  measure(): void;
  /** How many more it can take now. */
  readonly room: number;
  /** How many it would like to get at once: fewer are not worth a request while it has work. */
  readonly portion: number;
  readonly atWork: number;
  readonly waiting: number;
  /** Something has to run alone: nothing else should come until it has. */
  readonly exclusive: boolean;
  /** Hands out all that has not begun, and begins nothing more. */
  stop(): Incoming[];
}

/** What waits at hand should begin within this time, in ms; else it is better off with another consumer. */
const AHEAD_MS = 1_000;
/** How long the pace is measured before it counts, in ms. */
const WINDOW_MS = 50;

export function createPool(options: PoolOptions): Pool {
  const { processor, concurrency, prefetch, maxAttempts, leaseMs } = options;
  let waiting: Incoming[] = [];
  let head = 0;
  /** Delivered more often than they may be tried: each runs when nothing else can go down with it. */
  let suspects: Incoming[] = [];
  let suspectAtWork = false;
  let atWork = 0;
  let pumping = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  /** Ends in a second, and what is being measured. */
  let pace = 0;
  let ends = 0;
  let since = 0;

  const sink: Sink = {
    end(ended) {
      atWork--;
      ends++;
      suspectAtWork = false;
      options.onEnded(ended);
      if (!pumping) pump();
    },
  };

  function ahead(): number {
    return Math.min(prefetch, Math.floor((pace * AHEAD_MS) / 1_000));
  }

  function pump(): void {
    if (stopped) return;
    pumping = true;
    const now = performance.now();
    if (atWork === 0 && ends === 0) since = now;
    while (atWork < concurrency && !suspectAtWork) {
      const delivery = waiting[head];
      if (delivery === undefined) break;
      head++;
      // Past its lease it is another consumer's.
      if (delivery.leaseUntil > now) begin(delivery);
    }
    if (head === waiting.length) {
      waiting = [];
      head = 0;
      while (atWork === 0 && suspects.length > 0 && options.allSettled()) {
        const suspect = suspects.shift();
        if (suspect === undefined || suspect.leaseUntil <= now) continue;
        suspectAtWork = true;
        begin(suspect);
      }
    }
    pumping = false;
  }

  function begin(delivery: Incoming): void {
    atWork++;
    processor.begin(delivery, sink);
  }

  /** One timer for all that waits. */
  function watch(): void {
    if (timer !== undefined || stopped || (head === waiting.length && suspects.length === 0)) return;
    timer = setTimeout(() => {
      timer = undefined;
      const stale = performance.now() + leaseMs / 2;
      const given = waiting.slice(head).filter(({ leaseUntil }) => leaseUntil <= stale);
      if (given.length > 0) {
        waiting = waiting.slice(head).filter(({ leaseUntil }) => leaseUntil > stale);
        head = 0;
        pace = 0;
        options.onStale(given);
      }
      // Suspects wait for all others to end: given back, they would only come again.
      if (suspects.length > 0) void extendSuspects();
      watch();
    }, leaseMs / 4);
  }

  async function extendSuspects(): Promise<void> {
    const asked = suspects;
    const leaseUntil = performance.now() + leaseMs;
    // What cannot be extended is dropped when its lease is over.
    const outcomes = await options.extend(asked, leaseMs).catch(() => []);
    const extended = new Map(
      asked.flatMap((delivery, index) =>
        outcomes[index] === 'settled' ? [[delivery, { ...delivery, leaseUntil }]] : [],
      ),
    );
    suspects = suspects.map((delivery) => extended.get(delivery) ?? delivery);
  }

  return {
    pump,
    add(deliveries) {
      const more: Incoming[] = [];
      for (const delivery of deliveries) (delivery.deliveries > maxAttempts ? suspects : more).push(delivery);
      waiting = head === waiting.length ? more : [...waiting.slice(head), ...more];
      head = 0;
      pump();
      watch();
    },
    measure() {
      const now = performance.now();
      const elapsed = now - since;
      if (ends === 0 || (elapsed < WINDOW_MS && pace > 0)) return;
      pace = (ends * 1_000) / Math.max(1, elapsed);
      ends = 0;
      since = now;
    },
    get room() {
      return concurrency + ahead() - atWork - (waiting.length - head);
    },
    get portion() {
      return Math.max(concurrency, ahead());
    },
    get atWork() {
      return atWork;
    },
    get waiting() {
      return waiting.length - head + suspects.length;
    },
    get exclusive() {
      return suspectAtWork || suspects.length > 0;
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      const back = [...waiting.slice(head), ...suspects.splice(0)];
      waiting = [];
      head = 0;
      return back;
    },
  };
}
