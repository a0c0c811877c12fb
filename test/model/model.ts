import { expect } from 'vitest';
import type { DeadLetter, Headers, Incoming, Outgoing, Transport } from '../../src/transport/transport.ts';

/** Where a message stands: in flight is what this test holds, a letter is a dead one that it has been shown. */
export type Place = 'ready' | 'delayed' | 'held' | 'dead' | 'letter' | 'gone';

/** A message as the model knows it. */
export interface Known {
  readonly message: Outgoing;
  place: Place;
  /** As the last delivery said, without what does not count. */
  deliveries: number;
  /** Of what is delayed: not before, on the monotonic clock. */
  dueAt: number;
  /** Among those of its key. */
  order: number;
  /** What it carries by now. */
  headers: Headers;
}

/** All that a carrier has to know, and nothing of how. */
export interface Model {
  readonly ordered: boolean;
  /** What is given back counts as a delivery. */
  readonly countsReleases: boolean;
  /** What is postponed is hidden only, and goes on being counted. */
  readonly onlyHides: boolean;
  readonly known: Map<string, Known>;
  orders: number;
}

/** The carrier itself, and what is in this test's hands. */
export interface Real {
  transport: Transport;
  readonly held: Map<string, Incoming>;
  readonly letters: Map<string, DeadLetter>;
  /** Closes it and opens it anew; absent where it would forget everything. */
  readonly reopen?: () => Promise<Transport>;
}

/** Two clocks tell the time of a delay. */
const CLOCKS_MS = 5;

export function knownAt(model: Model, ...places: readonly Place[]): Known[] {
  return [...model.known.values()].filter(({ place }) => places.includes(place));
}

/** Those that a carrier must hand over when it is asked: on an ordered topic the first of each key that waits for none. */
export function certain(model: Model): Known[] {
  return knownAt(model, 'ready').filter((one) => !model.ordered || blocking(model, one).length === 0);
}

/** Those of its key that must be done before it. */
function blocking(model: Model, { message: { key }, order }: Known): Known[] {
  if (key === undefined) return [];
  return knownAt(model, 'ready', 'delayed', 'held').filter(
    (other) =>
      other.message.key === key &&
      (other.place === 'held' || other.place === 'delayed' || other.order < order),
  );
}

/** Notes what has been handed over in one call, and that it may have been. */
export function taken(model: Model, real: Real, received: readonly Incoming[]): void {
  const together: Known[] = [];
  // All of them before any: two of a key may come due together.
  for (const { id } of received) {
    const one = model.known.get(id);
    if (one?.place === 'delayed' && performance.now() >= one.dueAt - CLOCKS_MS) one.place = 'ready';
  }
  for (const delivery of received) {
    const { id, body, headers, key, deliveries } = delivery;
    const one = model.known.get(id);
    if (one === undefined) throw new Error(`${id} was never sent`);
    expect(one.place, `where ${id} was`).toBe('ready');
    if (model.ordered) {
      expect(
        blocking(model, one).filter((other) => !together.includes(other) || other.order > one.order),
      ).toEqual([]);
    }
    expect({ id, body, headers, key }).toEqual({
      id,
      body: one.message.body,
      headers: one.headers,
      key: one.message.key,
    });
    expect(deliveries, `deliveries of ${id}`).toBe(one.deliveries + 1);
    one.deliveries = deliveries;
    one.place = 'held';
    together.push(one);
    real.held.set(id, delivery);
  }
}
