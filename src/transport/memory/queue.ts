import type { Headers, Incoming, Outgoing, Settlement } from '../transport.ts';

/** One copy of a message, for one subscription. */
export interface Entry {
  readonly id: string;
  readonly body: string;
  readonly headers: Headers;
  readonly key: string | undefined;
  readonly enqueuedAt: number;
  /** Its place among the messages of its key, on an ordered topic. */
  readonly sequence: number;
  deliveries: number;
}

/** The messages of one key on an ordered topic. */
interface Group {
  readonly key: string;
  /** Those that can be taken once none is held, in order. */
  readonly entries: Entry[];
  /** How many are in flight or wait for a retry. */
  held: number;
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

export interface QueueOptions {
  readonly ordered: boolean;
  readonly maxDeliveries: number;
  /** Its last delivery has ended without an answer. */
  readonly onGivenUp: (entry: Entry) => void;
}

/**
 * The queue of one subscription: ready, delayed, in flight. On an ordered topic one receive takes messages of a
 * key in order, and nobody gets any more of them until all of those are settled.
 */
export function createQueue({ ordered, maxDeliveries, onGivenUp }: QueueOptions) {
  let ready: (Entry | Group | undefined)[] = [];
  let head = 0;
  /** Latest first, so that what is due is at the end. */
  const delayed: { readonly at: number; readonly entry: Entry }[] = [];
  const inFlight = new Set<Delivery>();
  /** No lease in flight ends before this: spares looking at each of them. */
  let earliestLease = Number.POSITIVE_INFINITY;
  const groups = new Map<string, Group>();
  let readyCount = 0;
  let sequence = 0;
  const waiting = new Set<() => void>();

  function offer(entries: Entry | Group): void {
    ready.push(entries);
    for (const wake of waiting) {
      waiting.delete(wake);
      wake();
      return;
    }
  }

  /** Takes its place: among the others of its key, where order is kept. */
  function makeReady(entry: Entry): void {
    readyCount++;
    if (!ordered || entry.key === undefined) {
      offer(entry);
      return;
    }
    let group = groups.get(entry.key);
    if (group === undefined) {
      group = { key: entry.key, entries: [], held: 0 };
      groups.set(entry.key, group);
    }
    const { entries } = group;
    const after = entries.findLastIndex((other) => other.sequence < entry.sequence);
    entries.splice(after + 1, 0, entry);
    if (entries.length === 1 && group.held === 0) offer(group);
  }

  /** The entry is held no more: it has left for good, or is ready again. The next of its key may come. */
  function letGo(entry: Entry, again: boolean): void {
    const group = ordered && entry.key !== undefined ? groups.get(entry.key) : undefined;
    if (again) makeReady(entry);
    if (group === undefined) return;
    group.held--;
    if (group.held > 0) return;
    if (group.entries.length > 0) offer(group);
    else groups.delete(group.key);
  }

  function wakeAll(): void {
    for (const wake of [...waiting]) wake();
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
    // Whoever waits may wait for something later.
    if (low === delayed.length - 1) wakeAll();
  }

  /** Brings back what is due: delays that are over, and leases that have ended. */
  function refresh(now: number): void {
    for (let due = delayed.at(-1); due !== undefined && due.at <= now; due = delayed.at(-1)) {
      delayed.pop();
      letGo(due.entry, true);
    }
    if (earliestLease > now) return;
    earliestLease = Number.POSITIVE_INFINITY;
    for (const delivery of inFlight) {
      if (delivery.leaseUntil > now) {
        earliestLease = Math.min(earliestLease, delivery.leaseUntil);
      } else {
        inFlight.delete(delivery);
        const again = delivery.entry.deliveries < maxDeliveries;
        if (!again) onGivenUp(delivery.entry);
        letGo(delivery.entry, again);
      }
    }
  }

  /** Takes the next message, or the next ones of a key. */
  function dequeue(most: number): Entry[] {
    const next = ready[head];
    if (next === undefined) return [];
    // Its place is cut off only with many others: until then it must not keep the message.
    ready[head] = undefined;
    head++;
    if (head > 1_024 && head * 2 > ready.length) {
      ready = ready.slice(head);
      head = 0;
    }
    const entries = 'entries' in next ? next.entries.splice(0, most) : [next];
    if ('entries' in next) next.held = entries.length;
    readyCount -= entries.length;
    return entries;
  }

  return {
    add(message: Outgoing, enqueuedAt: number): void {
      const { id, body, headers, key, delayMs = 0 } = message;
      const entry: Entry = { id, body, headers, key, enqueuedAt, sequence: sequence++, deliveries: 0 };
      if (delayMs > 0) delay(entry, performance.now() + delayMs);
      else makeReady(entry);
    },

    take(max: number, leaseMs: number, consumer?: string): Incoming[] {
      const now = performance.now();
      refresh(now);
      const taken: Incoming[] = [];
      const leaseUntil = now + leaseMs;
      while (taken.length < max) {
        const entries = dequeue(max - taken.length);
        if (entries.length === 0) break;
        for (const entry of entries) {
          entry.deliveries++;
          const delivery = new Delivery(entry, leaseUntil, consumer);
          inFlight.add(delivery);
          taken.push(incoming(delivery));
        }
      }
      if (taken.length > 0 && leaseUntil < earliestLease) {
        earliestLease = leaseUntil;
        wakeAll();
      }
      return taken;
    },

    /** Ends a delivery; false when it is no longer current. A dead letter is the caller's to keep. */
    settle(delivery: Delivery, settlement: Settlement): boolean {
      const now = performance.now();
      if (delivery.leaseUntil <= now) refresh(now);
      if (!inFlight.delete(delivery)) return false;
      const { entry } = delivery;
      if (settlement.action === 'release') entry.deliveries--;
      else if (settlement.action === 'postpone') entry.deliveries = 0;
      const delayMs = 'delayMs' in settlement ? settlement.delayMs : 0;
      if (delayMs > 0) delay(entry, now + delayMs);
      else letGo(entry, settlement.action !== 'ack' && settlement.action !== 'deadLetter');
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

    wakeAll,

    depth(): { ready: number; inFlight: number; delayed: number } {
      refresh(performance.now());
      return { ready: readyCount, inFlight: inFlight.size, delayed: delayed.length };
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
