import type { Envelope } from '../message/envelope.ts';

/**
 * What a consumer does with a message. Returning is done; throwing is trying again, by the retry policy;
 * throwing {@link Reject} or {@link RetryAfter} says which. At least once: the same message may come twice.
 */
export type Handler<Data> = Method<Data>['handle'];

// Typed as a method, so that a config can hold handlers of many contracts; `topic()` pairs them soundly.
interface Method<Data> {
  handle(message: Envelope<Data>, context: HandlerContext): Promise<void> | void;
}

export interface HandlerContext {
  /** 1 the first time. Counted by the carrier, so it may skip a number after a release or a crash. */
  readonly attempt: number;
  /** Fires when the handler's time is up, its lease is lost, or the consumer closes past its deadline. */
  readonly signal: AbortSignal;
  /**
   * Asks the carrier to hide the message for `ms` from now, and never for less than is left; the handler's time
   * grows with it, as far as the host has any. Resolves to whether the carrier did.
   */
  extendLease(ms: number): Promise<boolean>;
}

/** Thrown by a handler: trying again cannot help; the message goes to the dead-letter queue now. */
export class Reject extends Error {
  override readonly name = 'Reject';
}

/** Thrown by a handler: try again after this long, in ms, instead of what the policy says. */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  readonly delayMs: number;
  /** The handler did nothing yet: this is no failed attempt, and never gives the message up. */
  readonly untried: boolean;
  constructor(
    delayMs: number,
    message = 'try again later',
    options: { cause?: unknown; untried?: boolean } = {},
  ) {
    super(message, options);
    this.delayMs = delayMs;
    this.untried = options.untried ?? false;
  }
}

/** The handler did not answer within its time. */
export class HandlerTimeout extends Error {
  override readonly name = 'HandlerTimeout';
}

/** The lease ran out while the handler was at work: somebody else may have the message. */
export class LeaseExpired extends Error {
  override readonly name = 'LeaseExpired';
}
