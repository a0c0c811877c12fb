import { TransportError } from '../errors.ts';
import type { Headers, Receipt } from '../transport.ts';
import { LIMITS } from './limits.ts';

/** What a message is made of: enough to send it on, to a dead-letter queue or back. */
export interface Carried {
  readonly id: string;
  readonly body: string;
  readonly headers: Headers;
  readonly key?: string;
  /** When it was first sent, in Unix ms: a copy that was postponed keeps that. */
  readonly enqueuedAt: number;
  /** SQS's own name for this copy of the message. */
  readonly messageId: string;
}

/**
 * Stands for one delivery of a message. It holds the message too, because SQS moves nothing on request: a dead
 * letter is sent anew and then deleted.
 */
export class SqsReceipt {
  readonly handle: string;
  readonly message: Carried;
  /** When the delivery was asked for, on `performance.now()`: SQS counts its 12 hours from then. */
  readonly receivedAt: number;
  /** When the lease ends, on `performance.now()`; later after an extension. */
  leaseUntil: number;
  /** Whether the message has been stored where it moves to, and only its deletion is still owed. */
  stored = false;
  /** Since when SQS has been asked for its end in vain, on `performance.now()`. */
  #askedInVainSince: number | undefined;

  constructor(handle: string, message: Carried, receivedAt: number, leaseUntil: number) {
    this.handle = handle;
    this.message = message;
    this.receivedAt = receivedAt;
    this.leaseUntil = leaseUntil;
  }

  /** A request about it failed. `askedAt`: when it was made, on `performance.now()`. */
  askedInVain(askedAt: number): void {
    this.#askedInVainSince ??= askedAt;
  }

  /**
   * What happened, where SQS reports success. Past the lease it may have done so for a message that another
   * consumer holds by now, or without doing anything. The lease began before the answer to a long poll arrived, how
   * long before nobody can tell: as long, it is taken, as this took one way; or, where it was asked for in vain before, as
   * all of that has taken, for the network was not what it is now.
   *
   * @param askedAt when SQS was asked, on `performance.now()`.
   */
  outcome(askedAt: number): 'settled' | 'unverified' {
    const now = performance.now();
    const late = this.#askedInVainSince === undefined ? (now - askedAt) / 2 : now - this.#askedInVainSince;
    this.#askedInVainSince = undefined;
    return now + late < this.leaseUntil ? 'settled' : 'unverified';
  }

  /** A duration as seconds of visibility timeout, within what is left of the delivery's 12 hours. */
  secondsFor(ms: number): number {
    const left = this.receivedAt + LIMITS.leaseMs - performance.now();
    return Math.max(0, Math.min(Math.ceil(ms / 1_000), Math.floor(left / 1_000)));
  }
}

/** The receipt as this driver's own, or why it cannot be used. */
export function ownReceipt(receipt: Receipt): SqsReceipt | TransportError {
  if (receipt instanceof SqsReceipt) return receipt;
  return new TransportError('Invalid', 'the receipt is not from the SQS transport');
}
