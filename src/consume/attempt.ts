import type { Incoming, SettleOutcome } from '../transport/transport.ts';
import type { HandlerContext } from './handler.ts';
import type { Ended } from './processor.ts';
import { attemptOf, type Numbered } from './releases.ts';

/** Asks the carrier for longer leases; outcomes in order. */
export type ExtendLeases = (deliveries: readonly Incoming[], leaseMs: number) => Promise<SettleOutcome[]>;

/** Who extends the lease of an attempt when its handler asks. One for all attempts. */
export interface LeaseKeeper {
  /** Makes the lease, and the handler's time, end `ms` from now at the earliest. Resolves to whether it does. */
  extend(attempt: Attempt, ms: number): Promise<boolean>;
}

/** A handler at work on one delivery. Made for every message, so the signal exists only once asked for. */
export class Attempt implements HandlerContext {
  readonly delivery: Numbered;
  /** On the monotonic clock, in ms, as all times here. */
  readonly startedAt: number;
  /** The host ends then: no extension makes the handler's time longer. */
  readonly hostEndsAt: number;
  timeoutAt: number;
  /** The host had less than the handler's time for it. */
  readonly hurried: boolean;
  leaseUntil: number;
  /**
   * An extension under way; never rejects. Settling waits for it, or it could extend what is already gone; so
   * does the next one, or the shorter could arrive last.
   */
  extending: Promise<unknown> | undefined;
  /** Its lease is known to be over: said once, and not extended again. */
  lost = false;
  /** Where it stands with those who watch it; -1: nowhere. */
  place = -1;
  /** How to end it while it is still at work. */
  end: ((settlement: Ended) => void) | undefined;
  /** Has its answer; what the handler does from now on counts no more. */
  finished = false;
  #abortReason: Error | undefined;
  #controller: AbortController | undefined;
  readonly #keeper: LeaseKeeper;

  /** @param hostLeftMs How long the host still has: infinite where nothing ends it. */
  constructor(
    delivery: Numbered,
    startedAt: number,
    timeoutMs: number,
    hostLeftMs: number,
    keeper: LeaseKeeper,
  ) {
    this.delivery = delivery;
    this.startedAt = startedAt;
    this.hostEndsAt = startedAt + hostLeftMs;
    this.hurried = hostLeftMs < timeoutMs;
    this.timeoutAt = Math.min(startedAt + timeoutMs, this.hostEndsAt);
    this.leaseUntil = delivery.leaseUntil;
    this.#keeper = keeper;
  }

  get attempt(): number {
    return attemptOf(this.delivery);
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortReason !== undefined) this.#controller.abort(this.#abortReason);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    if (this.#abortReason !== undefined) return;
    this.#abortReason = reason;
    this.#controller?.abort(reason);
  }

  // A getter that binds: handlers take the context apart.
  get extendLease(): (ms: number) => Promise<boolean> {
    return (ms) => this.#keeper.extend(this, ms);
  }
}
