import { type CourierEvent, observe } from './events.ts';

/** An event of one kind. */
type EventOf<Kind extends CourierEvent['event']> = Extract<CourierEvent, { event: Kind }>;

/** Remembers what happened, so that a test waits for it instead of sleeping. */
export interface Spy {
  readonly events: readonly CourierEvent[];
  /**
   * Resolves with the first event of this kind that has these fields, past ones included. Rejects after
   * `timeoutMs` (default 5 s), naming what was seen instead.
   */
  waitFor<Kind extends CourierEvent['event']>(
    kind: Kind,
    fields?: Partial<EventOf<Kind>>,
    timeoutMs?: number,
  ): Promise<EventOf<Kind>>;
  /** All events of this kind so far. */
  all<Kind extends CourierEvent['event']>(kind: Kind): EventOf<Kind>[];
  close(): void;
}

/**
 * Starts watching this process's events.
 *
 * @example
 * const spy = createSpy();
 * await publisher.publish(OrderPlaced, order);
 * await spy.waitFor('handled', { topic: 'order_placed' });
 */
export function createSpy(): Spy {
  const events: CourierEvent[] = [];
  const waiting = new Set<() => void>();
  const stop = observe((event) => {
    events.push(event);
    for (const look of waiting) look();
  });

  function all<Kind extends CourierEvent['event']>(kind: Kind): EventOf<Kind>[] {
    return events.filter((event): event is EventOf<Kind> => event.event === kind);
  }

  return {
    events,
    all,
    waitFor(kind, fields = {}, timeoutMs = 5_000) {
      const wanted = Object.entries(fields);
      const find = () =>
        all(kind).find((event) => wanted.every(([key, value]) => Reflect.get(event, key) === value));
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = find();
          if (found === undefined) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(found);
        };
        const timer = setTimeout(() => {
          waiting.delete(look);
          const seen = [...new Set(events.map(({ event }) => event))].join(', ') || 'nothing';
          reject(
            new Error(`no ${kind} event ${JSON.stringify(fields)} within ${timeoutMs} ms; seen: ${seen}`),
          );
        }, timeoutMs);
        waiting.add(look);
        look();
      });
    },
    close: stop,
  };
}
