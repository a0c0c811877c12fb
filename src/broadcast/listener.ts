import { expectLimit } from '../config/option-numbers.ts';
import type { Contract } from '../message/contract.ts';
import { decode, type Envelope, InvalidMessage } from '../message/envelope.ts';
import type { CarrierState } from '../observe/carrier-state.ts';
import { emit, observed } from '../observe/events.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { verifyLater } from '../signing/later.ts';
import { describeThrown } from '../text/describe-thrown.ts';
import { within } from '../time/within.ts';
import { TransportError } from '../transport/errors.ts';
import type { Listening, Notice, Told } from '../transport/transport.ts';

/**
 * What a listener does with a notice. Not the handler of a subscription: a notice comes once or never, nothing is settled,
 * and what it throws is observed and nothing else.
 */
export type NoticeHandler<Data> = (message: Envelope<Data>, context: NoticeContext) => Promise<void> | void;

export interface NoticeContext {
  /** Fires when the listener closes. */
  readonly signal: AbortSignal;
  /** How many notices this listener has dropped so far; what was said while it was away, nobody can count. */
  readonly missed: number;
}

export interface ListenOptions {
  /**
   * How many notices may be at work at once: what comes beyond is dropped, for a notice never waits. Only handlers that
   * return a promise, and schemas that check asynchronously, take their time. A whole number from 1, default 100.
   */
  readonly concurrency?: number;
  /**
   * Called when notices may have been missed: after the carrier was away, and when there is room again after some were
   * dropped. To read anew what the notices are about.
   */
  readonly onGap?: (reason: TransportError) => Promise<void> | void;
}

export interface Listener {
  /**
   * No handler begins any more, and the signal of those at work fires. Resolves when they have ended, or after
   * `deadlineMs`: 10 s unless given. May be called twice.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

/** What the carrier tells, and what ends it. */
export interface Hearer {
  readonly told: Told;
  end(listening: Listening, deadlineMs: number): Promise<void>;
}

/** @throws RangeError for a `concurrency` with which nothing would be heard. */
export function createHearer<Data>(
  contract: Contract<Data>,
  handler: NoticeHandler<Data>,
  { concurrency = 100, onGap, signingKeys }: ListenOptions & { readonly signingKeys?: Secrets | undefined },
  carrier: CarrierState,
): Hearer {
  expectLimit(1, { concurrency });
  const topic = contract.name;
  const verify = verifyLater({ topic, keys: signingKeys });
  const ending = new AbortController();
  const { signal } = ending;
  let atWork = 0;
  let missed = 0;
  /** Of those, how many nobody has been told of yet. */
  let dropped = 0;
  let onIdle: (() => void) | undefined;

  function onNotice(notice: Notice): void {
    if (signal.aborted) return;
    if (atWork >= concurrency) {
      missed++;
      dropped++;
      return;
    }
    let message: Envelope<Data> | Promise<Envelope<Data>>;
    try {
      const verified = verify?.(notice);
      message =
        verified instanceof Promise
          ? verified.then(() => decode(contract, notice.body))
          : decode(contract, notice.body);
    } catch (error) {
      unreadable(notice, error);
      return;
    }
    const work = message instanceof Promise ? handleLater(notice, message) : handle(notice, message);
    if (work !== undefined) hold(work);
  }

  /** Returns what is still to be waited for. */
  function handle(notice: Notice, message: Envelope<Data>): Promise<void> | undefined {
    const startedAt = performance.now();
    try {
      const answer = handler(message, { signal, missed });
      if (answer !== undefined) {
        return Promise.resolve(answer).then(
          () => heard(notice, startedAt),
          (error: unknown) => failed(error, notice),
        );
      }
      heard(notice, startedAt);
    } catch (error) {
      failed(error, notice);
    }
    return undefined;
  }

  async function handleLater(notice: Notice, checking: Promise<Envelope<Data>>): Promise<void> {
    let message: Envelope<Data>;
    try {
      message = await checking;
    } catch (error) {
      unreadable(notice, error);
      return;
    }
    if (!signal.aborted) await handle(notice, message);
  }

  /** Until it has ended it takes one of the places. */
  function hold(work: Promise<void>): void {
    atWork++;
    void work.then(() => {
      atWork--;
      if (dropped > 0) sayDropped();
      if (atWork === 0) onIdle?.();
    });
  }

  function heard({ id }: Notice, startedAt: number): void {
    if (observed()) emit({ event: 'heard', topic, id, ms: performance.now() - startedAt });
  }

  function unreadable(notice: Notice, thrown: unknown): void {
    if (!(thrown instanceof InvalidMessage)) failed(thrown, notice);
    else
      emit({ event: 'notice_unreadable', topic, id: notice.id, code: thrown.reason, error: thrown.message });
  }

  function failed(thrown: unknown, notice?: Notice): void {
    const error = describeThrown(thrown);
    emit({ event: 'listener_failed', topic, ...(notice !== undefined && { id: notice.id }), error });
  }

  function sayDropped(): void {
    const count = dropped;
    dropped = 0;
    emit({ event: 'notices_dropped', topic, count });
    const why = `${count} notices of ${topic} were dropped, because ${concurrency} were at work: handle them faster, or raise concurrency`;
    tellGap(new TransportError('Throttled', why));
  }

  function tellGap(reason: TransportError): void {
    if (onGap === undefined || signal.aborted) return;
    try {
      Promise.resolve(onGap(reason)).catch((error: unknown) => failed(error));
    } catch (error) {
      failed(error);
    }
  }

  return {
    told: {
      onNotice,
      onAway: carrier.failed,
      onGap(reason) {
        carrier.worked();
        emit({ event: 'notices_missed', topic, code: reason.code, error: reason.message });
        tellGap(reason);
      },
    },
    async end(listening, deadlineMs) {
      ending.abort();
      const closed = listening.close();
      if (atWork > 0) {
        const before = onIdle;
        const idle = new Promise<void>((resolve) => {
          onIdle = () => {
            before?.();
            resolve();
          };
        });
        await within(deadlineMs, idle);
      }
      await closed;
    },
  };
}
