import type { Contract } from '../message/contract.ts';
import { type DeadLetterCode, deadLetterHeaders } from '../message/dead-letter.ts';
import { decode, type Envelope, InvalidMessage } from '../message/envelope.ts';
import { type CourierEvent, emit, observed } from '../observe/events.ts';
import type { Verify } from '../signing/verifier.ts';
import { describeThrown } from '../text/describe-thrown.ts';
import { backoffDelay } from '../time/backoff.ts';
import type { Address, Incoming, Receipt, Settlement } from '../transport/transport.ts';
import { Attempt, type ExtendLeases } from './attempt.ts';
import { timely } from './expiry.ts';
import { createFailureLog } from './failures.ts';
import { type Handler, Postpone, Reject, RetryAfter } from './handler.ts';
import { inAnyOrder } from './in-any-order.ts';
import { inOrder } from './in-order.ts';
import { createLeaseWatch } from './lease-watch.ts';
import { delayOf, type PostponeTerms, postponement } from './postponement.ts';
import { attemptOf, type Numbered } from './releases.ts';
import type { RetryPolicy } from './retry-policy.ts';

export interface ProcessorOptions<Data> {
  readonly address: Address;
  readonly contract: Contract<Data>;
  readonly handler: Handler<Data>;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutMs: number;
  readonly limits: PostponeTerms['limits'];
  readonly extend: ExtendLeases;
  /** See {@link createLeaseWatch}. */
  readonly extendByMs?: number;
  /** Looks at each delivery before it is read; see {@link Verify}. */
  readonly verify?: Verify | undefined;
  /** Messages of one key are handled one after the other; see {@link inOrder}. */
  readonly ordered?: boolean | undefined;
  /** See {@link PostponeTerms}. */
  readonly countsPostponed?: boolean | undefined;
  /** On an ordered topic: the deliveries after which the carrier gives a message up; see {@link inOrder}, `postponement`. */
  readonly maxDeliveries?: number | undefined;
}

/** How a delivery ends, and what to say once the carrier has settled it. */
export type Ended = Settlement & { readonly id: string; readonly event?: CourierEvent };

/** The one step at the heart of consuming: deliveries in, settlements out. Hosts do the rest. */
export interface Processor {
  /**
   * Handles all of them at once, and says how each delivery ends, in order. Never rejects: whatever a
   * handler does becomes a settlement.
   */
  process(deliveries: readonly Numbered[], options?: ProcessOptions): Promise<Ended[]>;
  /**
   * Handles one, and tells the sink how it ends: during the call, where the handler answers at once. For hosts
   * that wait for no batch; nothing is made for a message that the batch does not need.
   */
  begin(delivery: Numbered, sink: Sink): void;
  /**
   * Splits what was received into batches to be processed and settled one after the other. A message that was
   * delivered more often than it may be tried has perhaps killed its process: it runs alone and last, when
   * nothing else can go down with it.
   */
  isolate(deliveries: readonly Incoming[]): Incoming[][];
  /** Ends all handlers at work now: their signals fire, and their messages are tried again at once. */
  cutShort(reason: Error): void;
}

/** Told how deliveries end, each once. `place` is where in its batch the delivery stood; else 0. */
export interface Sink {
  end(ended: Ended, place: number): void;
}

export interface ProcessOptions {
  /** How long the host still has, in ms: handlers get less time when that is less than theirs. */
  readonly leftMs?: number;
  /**
   * On an ordered topic, keys of which a message has gone back: those after it go back as well. To be handed on
   * from one batch of what was received together to the next.
   */
  readonly sentBack?: Set<string>;
  /**
   * On an ordered topic: told of each when its turn is over, so that it need not wait for those behind it to be
   * settled. Answers false when that failed, and those of its key must not overtake it.
   */
  readonly onEnded?: (ended: Ended) => boolean | Promise<boolean>;
}

/** One call of `process`: one promise for the whole batch. */
class Batch implements Sink {
  readonly #settlements: Ended[];
  #open: number;
  readonly #done: (settlements: Ended[]) => void;

  constructor(size: number, done: (settlements: Ended[]) => void) {
    this.#settlements = new Array(size);
    this.#open = size;
    this.#done = done;
  }

  end(ended: Ended, place: number): void {
    this.#settlements[place] = ended;
    this.#open--;
    if (this.#open === 0) this.#done(this.#settlements);
  }
}

export function createProcessor<Data>(options: ProcessorOptions<Data>): Processor {
  const { address, contract, handler, retry, limits } = options;
  const failures = createFailureLog();
  /** When messages at work were replayed, where that is signed. */
  const replays = new WeakMap<Receipt, number>();
  const watch = createLeaseWatch({
    extend: options.extend,
    extendByMs: options.extendByMs,
    onTimeout: (attempt, error) =>
      // Where its host had no more time for it, nobody knows whether it would have failed.
      attempt.end?.(failed(attempt.delivery, attempt.startedAt, error, attempt.hurried)),
    onLeaseLost: ({ delivery }) => emit({ event: 'lease_lost', ...address, id: delivery.id }),
  });

  /** @param leftMs How long the host still has. */
  function start(delivery: Numbered, sink: Sink, place: number, leftMs: number): void {
    let message: Envelope<Data> | Promise<Envelope<Data>>;
    try {
      const verified = options.verify?.(delivery);
      message =
        verified instanceof Promise ? verified.then((at) => read(delivery, at)) : read(delivery, verified);
    } catch (error) {
      sink.end(unreadable(delivery, error), place);
      return;
    }
    if (message instanceof Promise) handleLater(message, delivery, sink, place, leftMs);
    else handle(message, delivery, sink, place, leftMs);
  }

  function read(delivery: Incoming, verified: number | undefined): Envelope<Data> | Promise<Envelope<Data>> {
    if (verified !== undefined) replays.set(delivery.receipt, verified);
    const message = decode(contract, delivery.body);
    return message instanceof Promise
      ? message.then((one) => inTime(one, delivery, verified))
      : inTime(message, delivery, verified);
  }

  function inTime(
    message: Envelope<Data>,
    { headers }: Incoming,
    verified: number | undefined,
  ): Envelope<Data> {
    if (message.expirytime === undefined) return message;
    return timely(message, headers, options.verify === undefined ? null : verified);
  }

  function handle(
    message: Envelope<Data>,
    delivery: Numbered,
    sink: Sink,
    place: number,
    leftMs: number,
  ): void {
    const startedAt = performance.now();
    const attempt = new Attempt(delivery, startedAt, options.handlerTimeoutMs, leftMs, watch);
    let answer: Promise<void> | void;
    try {
      answer = handler(message, attempt);
    } catch (error) {
      sink.end(failed(delivery, startedAt, error), place);
      return;
    }
    if (!isThenable(answer)) {
      sink.end(handled(delivery, startedAt), place);
      return;
    }
    // A `then` of somebody else's may throw, or be none.
    follow(attempt, Promise.resolve(answer), sink, place);
  }

  /** What takes its time to be verified or checked has it from the handler's, and under the same lease. */
  function handleLater(
    message: Promise<Envelope<Data>>,
    delivery: Numbered,
    sink: Sink,
    place: number,
    leftMs: number,
  ): void {
    const attempt = new Attempt(delivery, performance.now(), options.handlerTimeoutMs, leftMs, watch);
    const answer = message.then(
      (envelope) => (attempt.finished ? undefined : handler(envelope, attempt)),
      (error: unknown) => {
        if (!attempt.finished) attempt.end?.(unreadable(delivery, error));
      },
    );
    follow(attempt, answer, sink, place);
  }

  /** Sees an attempt through to its end: its answer, or before that its time, its lease or the host. */
  function follow(attempt: Attempt, answer: Promise<void>, sink: Sink, place: number): void {
    const { delivery, startedAt } = attempt;
    const end = (settlement: Ended): void => {
      if (attempt.finished) return;
      attempt.finished = true;
      watch.remove(attempt);
      const { extending } = attempt;
      if (extending === undefined) sink.end(settlement, place);
      else void extending.then(() => sink.end(settlement, place));
    };
    attempt.end = end;
    watch.add(attempt);
    answer.then(
      () => {
        if (!attempt.finished) end(handled(delivery, startedAt));
      },
      (error: unknown) => {
        if (!attempt.finished) end(failed(delivery, startedAt, error));
      },
    );
  }

  function handled(delivery: Numbered, startedAt: number): Ended {
    failures.take(delivery.id);
    if (observed()) {
      const ms = performance.now() - startedAt;
      const { id, enqueuedAt } = delivery;
      const endToEndMs = Date.now() - enqueuedAt;
      emit({ event: 'handled', ...address, id, attempt: attemptOf(delivery), ms, endToEndMs });
    }
    return { id: delivery.id, receipt: delivery.receipt, action: 'ack' };
  }

  function failed(delivery: Numbered, startedAt: number, thrown: unknown, cutShort = false): Ended {
    const { id, receipt } = delivery;
    const attempt = attemptOf(delivery);
    const error = describe(thrown);
    if (thrown instanceof Reject) return giveUp(delivery, 'rejected', attempt, error);
    if (thrown instanceof Postpone) {
      const replayedAt = options.verify === undefined ? null : replays.get(receipt);
      const delayMs = postponement(delivery, thrown, options, replayedAt);
      if (delayMs !== undefined) {
        const event = { event: 'postponed', ...address, id, delayMs, error } as const;
        return { id, receipt, action: 'postpone', delayMs, event };
      }
    }
    if (!cutShort) {
      failures.add(id, { attempt, at: new Date().toISOString(), error });
      if (attempt >= retry.maxAttempts) return giveUp(delivery, 'exhausted', attempt, error);
    }
    const delayMs = Math.min(Math.max(0, delayAfter(thrown, attempt)), limits.retryDelayMs);
    const ms = performance.now() - startedAt;
    const event = { event: 'retried', ...address, id, attempt, delayMs, error, ms } as const;
    return { id, receipt, action: 'retry', delayMs, event };
  }

  function delayAfter(thrown: unknown, attempt: number): number {
    if (thrown instanceof Postpone) return delayOf(thrown, retry, attempt);
    if (thrown instanceof RetryAfter && !Number.isNaN(thrown.delayMs)) return thrown.delayMs;
    return backoffDelay(retry, attempt);
  }

  function unreadable(delivery: Numbered, thrown: unknown): Ended {
    // Anything else is a fault in the schema itself: it might pass after a deployment, so it is retried.
    if (!(thrown instanceof InvalidMessage)) return failed(delivery, performance.now(), thrown);
    const { reason, message } = thrown;
    if (reason !== 'expired') return giveUp(delivery, reason, 0, message);
    if (contract.onExpiry !== 'drop') return giveUp(delivery, reason, attemptOf(delivery) - 1, message);
    const { id, receipt } = delivery;
    emit({ event: 'expired', ...address, id });
    return { id, receipt, action: 'ack' };
  }

  function giveUp(delivery: Incoming, code: DeadLetterCode, attempts: number, message: string): Ended {
    const history = failures.take(delivery.id);
    const headers = deadLetterHeaders({ code, message, at: new Date().toISOString(), attempts, history });
    const about = { ...address, id: delivery.id, attempt: attempts };
    const event = { event: 'dead_lettered', ...about, code, error: message } as const;
    return { id: delivery.id, receipt: delivery.receipt, action: 'deadLetter', headers, event };
  }

  const processor: Processor = {
    process(deliveries, { leftMs = Number.POSITIVE_INFINITY } = {}) {
      if (deliveries.length === 0) return Promise.resolve([]);
      return new Promise((resolve) => {
        const batch = new Batch(deliveries.length, resolve);
        for (const [place, delivery] of deliveries.entries()) start(delivery, batch, place, leftMs);
      });
    },
    begin(delivery, sink) {
      start(delivery, sink, 0, Number.POSITIVE_INFINITY);
    },
    isolate: (deliveries) => isolate(deliveries, retry),
    cutShort(reason) {
      for (const attempt of [...watch.attempts]) {
        attempt.abort(reason);
        const { id, receipt } = attempt.delivery;
        attempt.end?.({ id, receipt, action: 'retry', delayMs: 0 });
      }
    },
  };
  if (!options.ordered) return processor;
  const { handlerTimeoutMs, extend, extendByMs } = options;
  const { maxAttempts } = retry;
  return inOrder(processor, {
    maxAttempts,
    handlerTimeoutMs,
    extend,
    extendByMs,
    release: (delivery) => released(address, delivery),
    maxDeliveries: options.maxDeliveries,
    giveUp,
  });
}

/** Gives a delivery back untried. */
export function released(address: Address, { id, receipt }: Incoming): Ended {
  return { id, receipt, action: 'release', event: { event: 'released', ...address, id } };
}

function isolate(deliveries: readonly Incoming[], { maxAttempts }: RetryPolicy): Incoming[][] {
  const together = deliveries.filter(({ deliveries }) => deliveries <= maxAttempts);
  if (together.length === deliveries.length) return [together];
  const alone = inAnyOrder(deliveries.filter(({ deliveries }) => deliveries > maxAttempts)).map((one) => [
    one,
  ]);
  return together.length > 0 ? [together, ...alone] : alone;
}

/** Ours say enough by their messages. */
function describe(thrown: unknown): string {
  const isOurs = thrown instanceof Reject || thrown instanceof RetryAfter || thrown instanceof Postpone;
  return describeThrown(thrown, isOurs);
}

/** What must be waited for, whoever made the promise. */
function isThenable(answer: Promise<void> | void): answer is Promise<void> {
  return answer instanceof Promise || (typeof answer === 'object' && answer !== null && 'then' in answer);
}
