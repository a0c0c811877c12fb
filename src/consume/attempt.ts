import type { Incoming, SettleOutcome } from '../transport/transport.ts';
import type { HandlerContext } from './handler.ts';
import type { Ended } from './processor.ts';

/** Asks the carrier for longer leases; outcomes in order. */
export type ExtendLeases = (deliveries: readonly Incoming[], leaseMs: number) => Promise<SettleOutcome[]>;

/** A handler at work on one delivery. Made for every message, so the signal exists only once asked for. */
export class Attempt implements HandlerContext {
  readonly delivery: Incoming;
  /** On the monotonic clock, in ms, as all times here. */
  readonly startedAt: number;
  timeoutAt: number;
  leaseUntil: number;
  /** An extension under way: settling waits for it, or it could extend what is already gone. */
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
  readonly #extend: ExtendLeases;

  constructor(delivery: Incoming, startedAt: number, timeoutMs: number, extend: ExtendLeases) {
    this.delivery = delivery;
    this.startedAt = startedAt;
    this.timeoutAt = startedAt + timeoutMs;
    this.leaseUntil = delivery.leaseUntil;
    this.#extend = extend;
  }

  get attempt(): number {
    return this.delivery.deliveries;
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
    return (ms) => this.#extendLease(ms);
  }

  async #extendLease(ms: number): Promise<boolean> {
    if (this.finished) return false;
    const askedAt = performance.now();
    const asked = this.#extend([this.delivery], ms);
    this.extending = asked;
    const [outcome] = await asked.finally(() => {
      if (this.extending === asked) this.extending = undefined;
    });
    if (outcome !== 'settled') return false;
    const until = askedAt + ms;
    this.leaseUntil = until;
    this.timeoutAt = Math.max(this.timeoutAt, until);
    return true;
  }
}
