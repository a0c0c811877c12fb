import type { Incoming } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import { inAnyOrder } from './in-any-order.ts';
import { keysOf } from './in-order.ts';
import { leaseMargin } from './lease-watch.ts';
import type { Ended, Processor, Sink } from './processor.ts';
import { areOthers, leaseApart } from './suspects.ts';

/** Durations in ms. */
export interface PoolOptions {
  readonly processor: Pick<Processor, 'begin' | 'process' | 'isolate'>;
  /** How many are at work at once. */
  readonly concurrency: number;
  /** How many more may wait at hand, when they can begin soon. */
  readonly prefetch: number;
  /** What was delivered more often than this has perhaps killed its process. */
  readonly maxAttempts: number;
  /** Messages of one key that came together take one slot, and their turns in it. */
  readonly ordered: boolean;
  readonly leaseMs: number;
  readonly onEnded: (ended: Ended) => void;
  /** Whether one that has ended is settled, once that is known. */
  readonly settled: (ended: Ended) => Promise<boolean>;
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

/** On an ordered topic, what belongs to the first delivery of a key. */
interface Chain {
  /** Those that came with it. */
  readonly rest: readonly Incoming[];
  /** Keys of what was received together, of which one has gone back. */
  readonly sentBack: Set<string>;
}

/** What waits at hand should begin within this time, in ms; else it is better off with another consumer. */
const AHEAD_MS = 1_000;
/** How long the pace is measured before it counts, in ms. */
const WINDOW_MS = 50;

export function createPool(options: PoolOptions): Pool {
  const { processor, concurrency, prefetch, maxAttempts, leaseMs } = options;
  const margin = leaseMargin(leaseMs);
  let waiting: Incoming[] = [];
  let head = 0;
  /** Delivered more often than they may be tried: each runs when nothing else can go down with it. */
  let suspects: Incoming[] = [];
  let suspectAtWork = false;
  const chains = new WeakMap<Incoming, Chain>();
  /** How many wait for their turn behind the first of their key that waits. */
  let behind = 0;
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
      ends++;
      options.onEnded(ended);
      free();
    },
  };

  function free(): void {
    atWork--;
    suspectAtWork = false;
    if (!pumping) pump();
  }

  /** All of a key, of what waits by its first. */
  function whole(delivery: Incoming): readonly Incoming[] {
    const rest = chains.get(delivery)?.rest ?? [];
    return rest.length === 0 ? [delivery] : [delivery, ...rest];
  }

  function ahead(): number {
    return Math.min(prefetch, Math.floor((pace * AHEAD_MS) / 1_000));
  }

  function pump(): void {
    if (stopped) return;
    pumping = true;
    try {
      beginNext();
    } finally {
      pumping = false;
    }
  }

  /** Past its lease it is another consumer's: looked at for each, for this process may be suspended between two. */
  function isOurs({ leaseUntil }: Incoming): boolean {
    return leaseUntil - margin > performance.now();
  }

  function beginNext(): void {
    if (atWork === 0 && ends === 0) since = performance.now();
    while (atWork < concurrency && !suspectAtWork) {
      const delivery = waiting[head];
      if (delivery === undefined) break;
      head++;
      behind -= chains.get(delivery)?.rest.length ?? 0;
      if (isOurs(delivery)) begin(delivery);
    }
    if (head === waiting.length) {
      waiting = [];
      head = 0;
      while (atWork === 0 && suspects.length > 0 && options.allSettled()) {
        const suspect = suspects.shift();
        if (suspect === undefined) break;
        if (!isOurs(suspect)) {
          holdBack(suspect);
          continue;
        }
        suspectAtWork = true;
        if (areOthers(suspect, suspects, options.ordered)) void beginApart(suspect);
        else begin(suspect);
      }
    }
  }

  /** With others at hand: whatever becomes of this process, they shall come again without it. */
  async function beginApart(suspect: Incoming): Promise<void> {
    atWork++;
    const ms = leaseApart(suspect, leaseMs, maxAttempts);
    const leaseUntil = performance.now() + ms;
    const [outcome] = await options.extend([suspect], ms).catch(() => []);
    atWork--;
    // Where that cannot be had it goes back: it is no longer ours, or the carrier is away.
    if (!stopped && outcome === 'settled') begin(longer(suspect, leaseUntil));
    else {
      suspectAtWork = false;
      holdBack(suspect);
      options.onStale([suspect]);
      pump();
    }
  }

  /** It does not begin: those that came with it and are of its key must not overtake it. */
  function holdBack(suspect: Incoming): void {
    chains.get(suspect)?.sentBack.add(suspect.key ?? '');
  }

  function longer(delivery: Incoming, leaseUntil: number): Incoming {
    const extended = { ...delivery, leaseUntil };
    const chain = chains.get(delivery);
    if (chain !== undefined) chains.set(extended, chain);
    return extended;
  }

  function sortOut(deliveries: readonly Incoming[]): Incoming[] {
    const more: Incoming[] = [];
    const alone: Incoming[] = [];
    for (const delivery of deliveries) (delivery.deliveries > maxAttempts ? alone : more).push(delivery);
    if (alone.length > 0) suspects = inAnyOrder([...suspects, ...alone]);
    return more;
  }

  function begin(delivery: Incoming): void {
    atWork++;
    const chain = chains.get(delivery);
    if (chain === undefined) processor.begin(delivery, sink);
    else void inTurn(whole(delivery), chain.sentBack);
  }

  async function inTurn(deliveries: readonly Incoming[], sentBack: Set<string>): Promise<void> {
    await processor.process(deliveries, {
      sentBack,
      onEnded(ended) {
        ends++;
        options.onEnded(ended);
        // What has not begun is not begun any more.
        return !stopped && (ended.action !== 'deadLetter' || options.settled(ended));
      },
    });
    free();
  }

  /** Sorts out what must run alone, and puts the first of each key in the place of all. */
  function arrange(deliveries: readonly Incoming[]): Incoming[] {
    const sentBack = new Set<string>();
    const batches = processor.isolate(deliveries);
    const [first = []] = batches;
    // One that came by itself is in a batch of its own in any case.
    const all =
      deliveries.length > 1
        ? batches.length === deliveries.length
        : (first[0]?.deliveries ?? 0) > maxAttempts;
    for (const delivery of (all ? batches : batches.slice(1)).flat()) {
      if (delivery.key !== undefined) chains.set(delivery, { rest: [], sentBack });
      suspects.push(delivery);
    }
    return (all ? [] : keysOf(first)).flatMap(([head, ...rest]) => {
      if (head === undefined) return [];
      if (head.key !== undefined) chains.set(head, { rest, sentBack });
      behind += rest.length;
      return [head];
    });
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
        const all = given.flatMap(whole);
        behind -= all.length - given.length;
        options.onStale(all);
      }
      // Suspects wait for all others to end: given back, they would only come again.
      if (suspects.length > 0) void extendSuspects();
      watch();
    }, leaseMs / 4);
  }

  async function extendSuspects(): Promise<void> {
    // Some may begin meanwhile.
    const asked = [...suspects];
    const leaseUntil = performance.now() + leaseMs;
    // What cannot be extended is dropped when its lease is over.
    const outcomes = await options.extend(asked, leaseMs).catch(() => []);
    const extended = new Map<Incoming, Incoming>();
    for (const [index, delivery] of asked.entries()) {
      if (outcomes[index] !== 'settled') continue;
      extended.set(delivery, longer(delivery, leaseUntil));
    }
    suspects = suspects.map((delivery) => extended.get(delivery) ?? delivery);
  }

  return {
    pump,
    add(deliveries) {
      const more = options.ordered ? arrange(deliveries) : sortOut(deliveries);
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
      return concurrency + ahead() - atWork - (waiting.length - head) - behind;
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
      const back = [...waiting.slice(head).flatMap(whole), ...suspects.splice(0)];
      behind = 0;
      waiting = [];
      head = 0;
      return back;
    },
  };
}
