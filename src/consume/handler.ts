import type { Envelope } from '../message/envelope.ts';

/**
 * What a consumer does with a message. Returning is done; throwing is trying again, by the retry policy;
 * throwing {@link Reject}, {@link RetryAfter} or {@link Postpone} says which. At least once: the same message may come twice.
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

/** Thrown by a handler: this attempt failed; try again after this long, in ms, instead of what the policy says. */
export class RetryAfter extends Error {
  override readonly name = 'RetryAfter';
  readonly delayMs: number;
  constructor(delayMs: number, message = 'try again later', options: { cause?: unknown } = {}) {
    super(message, options);
    this.delayMs = delayMs;
  }
}

/**
 * Thrown by a handler: not now, and this is no failed attempt. The message comes again after `delayMs`, or after the retry
 * policy's own delay where that is longer. This works while the message is younger than `maxAgeMs`, counted from when it
 * was published or last replayed. An older message has failed, as with any other error, and waits as long as was asked
 * for; so a place that never gets ready ends in the dead-letter queue.
 *
 * @example
 * if (response.status === 429) throw new Postpone(30_000, 'the platform is busy');
 */
export class Postpone extends Error {
  override readonly name = 'Postpone';
  readonly delayMs: number;
  readonly maxAgeMs: number;
  /** @param options `maxAgeMs`: default one hour; `Infinity` for a message that is never given up for waiting. */
  constructor(
    delayMs: number,
    message = 'not now',
    { maxAgeMs = 3_600_000, ...options }: { cause?: unknown; maxAgeMs?: number } = {},
  ) {
    super(message, options);
    this.delayMs = delayMs;
    this.maxAgeMs = maxAgeMs;
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
