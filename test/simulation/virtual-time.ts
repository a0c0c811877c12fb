import { AsyncLocalStorage } from 'node:async_hooks';

/** Whose code runs: a process, which may die or stand still. What belongs to nobody never does. */
export interface Actor {
  readonly name: string;
  /** Nothing of it runs any more. */
  dead: boolean;
  /** Nothing of it runs before: it is suspended. In virtual ms. */
  standsUntil: number;
}

/** Time that passes only when nothing is left to do at the moment there is. In ms. */
export interface VirtualTime {
  readonly now: number;
  /** Calls back after `ms`, unless its actor has died by then. */
  after(ms: number, actor: Actor | undefined, run: () => void): void;
  /** Runs the code of an actor: its timers are its own from then on. */
  as<Result>(actor: Actor, run: () => Result): Result;
  /** Whose code runs now. */
  readonly actor: Actor | undefined;
  /** How many timers an actor has set that are still to come. */
  timersOf(actor: Actor): number;
  /** Lets time pass until it is over, or until `limitMs`. Resolves to whether it is over. */
  pass(limitMs: number, over: () => boolean): Promise<boolean>;
}

/** The real ones, whatever stands in their place. */
const { setTimeout, clearTimeout, setImmediate, clearImmediate } = globalThis;
const realNow = performance.now;
const realDateNow = Date.now;
const realRandom = Math.random;

/** When virtual time begins, in Unix ms. */
const EPOCH = Date.UTC(2026, 0, 1);

/** What takes more of them turns in circles. */
const MOST_STEPS = 100_000;

const actors = new AsyncLocalStorage<Actor | undefined>();

class Timer {
  at: number;
  readonly place: number;
  readonly actor: Actor | undefined;
  readonly run: () => void;
  cancelled = false;
  constructor(at: number, place: number, actor: Actor | undefined, run: () => void) {
    this.at = at;
    this.place = place;
    this.actor = actor;
    this.run = run;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/**
 * Works in virtual time: timers, both clocks and `Math.random` are this run's own until it has ended. What happens at
 * the same moment happens in the order it was asked for, so that a run is the same each time. One at a time.
 */
export async function inVirtualTime<Result>(
  random: () => number,
  work: (time: VirtualTime) => Promise<Result>,
): Promise<Result> {
  let now = 0;
  let placed = 0;
  /** The next one is last. */
  const timers: Timer[] = [];

  function insert(timer: Timer): void {
    let low = 0;
    let high = timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = timers[middle];
      if (other !== undefined && (other.at - timer.at || other.place - timer.place) > 0) low = middle + 1;
      else high = middle;
    }
    timers.splice(low, 0, timer);
  }

  function set(ms: number, actor: Actor | undefined, run: () => void): Timer {
    const timer = new Timer(now + ms, placed++, actor, run);
    insert(timer);
    return timer;
  }

  function cancel(timer: unknown): void {
    if (timer instanceof Timer) timer.cancelled = true;
  }

  const time: VirtualTime = {
    get now() {
      return now;
    },
    after: (ms, actor, run) => void set(ms, actor, run),
    as: (actor, run) => actors.run(actor, run),
    get actor() {
      return actors.getStore();
    },
    timersOf: (actor) => timers.filter((timer) => timer.actor === actor && !timer.cancelled).length,
    async pass(limitMs, over) {
      for (let steps = 0; steps < MOST_STEPS; steps++) {
        // By then all promises that can go on have.
        await new Promise<void>((resolve) => setImmediate(resolve));
        if (over()) return true;
        const timer = timers.pop();
        if (timer === undefined || timer.at > limitMs) return false;
        const { actor } = timer;
        if (timer.cancelled || actor?.dead) continue;
        if (actor !== undefined && actor.standsUntil > timer.at) {
          timer.at = actor.standsUntil;
          insert(timer);
          continue;
        }
        now = Math.max(now, timer.at);
        actors.run(actor, timer.run);
      }
      return false;
    },
  };

  Object.assign(globalThis, {
    setTimeout: (run: (...args: unknown[]) => void, ms = 1, ...args: unknown[]) =>
      set(Math.max(1, ms), actors.getStore(), () => run(...args)),
    setImmediate: (run: (...args: unknown[]) => void, ...args: unknown[]) =>
      set(0, actors.getStore(), () => run(...args)),
    clearTimeout: cancel,
    clearImmediate: cancel,
  });
  performance.now = () => now;
  Date.now = () => EPOCH + Math.floor(now);
  Math.random = random;
  try {
    return await work(time);
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, setImmediate, clearImmediate });
    performance.now = realNow;
    Date.now = realDateNow;
    Math.random = realRandom;
  }
}
