import type { Headers, Incoming, Outgoing, Settlement } from '../transport.ts';

/** One copy of a message, for one subscription. */
export interface Entry {
  readonly id: string;
  readonly body: string;
  readonly headers: Headers;
  readonly key: string | undefined;
  readonly enqueuedAt: number;
  deliveries: number;
}

/** One handing-over of an entry: current until it is settled, or its lease has ended and been noticed. */
export class Delivery {
  readonly entry: Entry;
  leaseUntil: number;
  readonly consumer: string | undefined;
  constructor(entry: Entry, leaseUntil: number, consumer: string | undefined) {
    this.entry = entry;
    this.leaseUntil = leaseUntil;
    this.consumer = consumer;
  }
}

/**
 * The queue of one subscription: ready, delayed, in flight. Of one key only the first message is ever ready
 * or in flight; the others wait behind it, which is what keeps a key in order.
 */
export function createQueue() {
  let ready: Entry[] = [];
  let head = 0;
  /** Latest first, so that what is due is at the end. */
  const delayed: { readonly at: number; readonly entry: Entry }[] = [];
  const inFlight = new Set<Delivery>();
  /** No lease in flight ends before this: spares looking at each of them. */
  let earliestLease = Number.POSITIVE_INFINITY;
  const behind = new Map<string, Entry[]>();
  let behindCount = 0;
  const waiting = new Set<() => void>();

  function makeReady(entry: Entry): void {
    ready.push(entry);
    for (const wake of waiting) {
      waiting.delete(wake);
      wake();
      return;
    }
  }

  /** Takes its place: behind the others of its key, where there are any. */
  function enqueue(entry: Entry): void {
    if (entry.key === undefined) {
      makeReady(entry);
      return;
    }
    const others = behind.get(entry.key);
    if (others === undefined) {
      behind.set(entry.key, []);
      makeReady(entry);
    } else {
      others.push(entry);
      behindCount++;
    }
  }

  /** The entry has left for good: the next of its key may come. */
  function leave(entry: Entry): void {
    if (entry.key === undefined) return;
    const next = behind.get(entry.key)?.shift();
    if (next === undefined) {
      behind.delete(entry.key);
      return;
    }
    behindCount--;
    makeReady(next);
  }

  function delay(entry: Entry, at: number): void {
    let low = 0;
    let high = delayed.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((delayed[middle]?.at ?? 0) > at) low = middle + 1;
      else high = middle;
    }
    delayed.splice(low, 0, { at, entry });
  }

  /** Brings back what is due: delays that are over, and leases that have ended. */
  function refresh(now: number): void {
    for (let due = delayed.at(-1); due !== undefined && due.at <= now; due = delayed.at(-1)) {
      delayed.pop();
      // A first, delayed publish still has to take its place; a retry has kept it.
      if (due.entry.deliveries === 0) enqueue(due.entry);
      else makeReady(due.entry);
    }
    if (earliestLease > now) return;
    earliestLease = Number.POSITIVE_INFINITY;
    for (const delivery of inFlight) {
      if (delivery.leaseUntil > now) {
        earliestLease = Math.min(earliestLease, delivery.leaseUntil);
      } else {
        inFlight.delete(delivery);
        makeReady(delivery.entry);
      }
    }
  }

  function dequeue(): Entry | undefined {
    const entry = ready[head];
    if (entry === undefined) return undefined;
    head++;
    if (head > 1_024 && head * 2 > ready.length) {
      ready = ready.slice(head);
      head = 0;
    }
    return entry;
  }

  return {
    add(message: Outgoing, enqueuedAt: number): void {
      const { id, body, headers, key, delayMs = 0 } = message;
      const entry: Entry = { id, body, headers, key, enqueuedAt, deliveries: 0 };
      if (delayMs > 0) delay(entry, performance.now() + delayMs);
      else enqueue(entry);
    },

    take(max: number, leaseMs: number, consumer?: string): Incoming[] {
      const now = performance.now();
      refresh(now);
      const taken: Incoming[] = [];
      const leaseUntil = now + leaseMs;
      while (taken.length < max) {
        const entry = dequeue();
        if (entry === undefined) break;
        entry.deliveries++;
        const delivery = new Delivery(entry, leaseUntil, consumer);
        inFlight.add(delivery);
        taken.push(incoming(delivery));
      }
      if (taken.length > 0 && leaseUntil < earliestLease) earliestLease = leaseUntil;
      return taken;
    },

    /** Ends a delivery; false when it is no longer current. A dead letter is the caller's to keep. */
    settle(delivery: Delivery, settlement: Settlement): boolean {
      const now = performance.now();
      if (delivery.leaseUntil <= now) refresh(now);
      if (!inFlight.delete(delivery)) return false;
      const { entry } = delivery;
      if (settlement.action === 'retry' && settlement.delayMs > 0) delay(entry, now + settlement.delayMs);
      else if (settlement.action === 'retry') makeReady(entry);
      else if (settlement.action === 'release') {
        entry.deliveries--;
        makeReady(entry);
      } else leave(entry);
      return true;
    },

    extend(delivery: Delivery, leaseMs: number): boolean {
      const now = performance.now();
      if (delivery.leaseUntil <= now) refresh(now);
      if (!inFlight.has(delivery)) return false;
      delivery.leaseUntil = now + leaseMs;
      earliestLease = Math.min(earliestLease, delivery.leaseUntil);
      return true;
    },

    /** How many deliveries each consumer holds. */
    held(): Map<string | undefined, number> {
      refresh(performance.now());
      const held = new Map<string | undefined, number>();
      for (const { consumer } of inFlight) held.set(consumer, (held.get(consumer) ?? 0) + 1);
      return held;
    },

    /** Resolves when something may be ready, at the latest after `ms`, or when the signal fires. */
    async wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
      const now = performance.now();
      const next = Math.min(delayed.at(-1)?.at ?? Number.POSITIVE_INFINITY, earliestLease);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          clearTimeout(timer);
          waiting.delete(wake);
          signal?.removeEventListener('abort', wake);
          resolve();
        };
        // Rounded up: a timer that fires a moment early would find nothing due and turn in circles.
        const timer = setTimeout(wake, Math.ceil(Math.max(0, Math.min(ms, next - now))));
        waiting.add(wake);
        signal?.addEventListener('abort', wake, { once: true });
      });
    },

    wakeAll(): void {
      for (const wake of [...waiting]) wake();
    },

    depth(): { ready: number; inFlight: number; delayed: number } {
      refresh(performance.now());
      return { ready: ready.length - head + behindCount, inFlight: inFlight.size, delayed: delayed.length };
    },
  };
}

export type Queue = ReturnType<typeof createQueue>;

function incoming(delivery: Delivery): Incoming {
  const { id, body, headers, key, deliveries, enqueuedAt } = delivery.entry;
  const { leaseUntil } = delivery;
  return key === undefined
    ? { id, body, headers, deliveries, enqueuedAt, leaseUntil, receipt: delivery }
    : { id, body, headers, key, deliveries, enqueuedAt, leaseUntil, receipt: delivery };
}
