import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { expectLimit, expectNumbers, expectWhole } from '../config/option-numbers.ts';
import type { Contract } from '../message/contract.ts';
import { createCarrierState } from '../observe/carrier-state.ts';
import { emit } from '../observe/events.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { verifyLater } from '../signing/later.ts';
import { backoffDelay, LONGEST_TIMER, pause } from '../time/backoff.ts';
import { asTransportError, type ErrorCode, TransportError } from '../transport/errors.ts';
import { inPieces } from '../transport/in-pieces.ts';
import type { Address, Incoming, Transport } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import type { Handler } from './handler.ts';
import { createPool } from './pool.ts';
import { createProcessor, released } from './processor.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './retry-policy.ts';
import { settleAll } from './settle.ts';
import { createSettler } from './settler.ts';

/** Durations in ms. */
export interface WorkerOptions<Data> {
  readonly transport: Transport;
  readonly address: Address;
  readonly contract: Contract<Data>;
  readonly handler: Handler<Data>;
  readonly retry?: Partial<RetryPolicy>;
  /** How long a handler may take. Default 30 s. */
  readonly handlerTimeoutMs?: number;
  /** How many messages are handled at once. Default 10. */
  readonly concurrency?: number;
  /**
   * How many more messages are fetched ahead, as long as they can begin within about a second. Default: as many
   * as one request brings, at most `concurrency`. What is fetched and not begun is given back when the worker
   * closes, which SQS counts as a delivery.
   */
  readonly prefetch?: number;
  /**
   * How long a message is hidden from other consumers; extended while its handler is at work. This is how
   * soon another worker takes over when this one dies. Default 30 s.
   */
  readonly leaseMs?: number;
  /** Only messages that one of them has signed are handled: others are dead-lettered. Default: all are handled. */
  readonly signingKeys?: Secrets | undefined;
  /** With `signingKeys`: how old a message may be, since it was said or last replayed by a holder of a key. Default: any age. */
  readonly maxAgeMs?: number | undefined;
}

/** A running consumer. */
export interface Worker {
  /**
   * Stops receiving, lets handlers finish, settles, and gives back what was not begun. Handlers still at
   * work after `deadlineMs` (default 25 s) are cut short: their signals fire, and their messages are tried
   * again. Resolves when all is settled.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
  /** Resolves when the worker has been closed. Rejects when it cannot begin (`NotFound`, `Denied`, …). */
  readonly ended: Promise<void>;
  /** Under which the carrier knows it, where it knows its consumers: host, process and a random part. */
  readonly name: string;
  health(): WorkerHealth;
}

export interface WorkerHealth {
  readonly address: Address;
  /** Closing, or ended. */
  readonly draining: boolean;
  /** The carrier has answered, its last answer was no fault, and it does not owe one for too long. */
  readonly reached: boolean;
  /** Handlers at work. */
  readonly atWork: number;
}

const WAIT_MS = 5_000;
/** A poll that is not answered for this long has been lost, whatever the driver thinks. In ms. */
const SILENCE_MS = 30_000;
/**
 * How long what has ended waits for more to settle with it, in ms, where more is at work. A carrier that keeps
 * order hands out the next message of a key only when the one before is settled: there nothing lingers.
 */
const LINGER_MS = 20;
const BACKOFF = { baseMs: 200, maxMs: 5_000 };
/** What ends a worker that has never worked, and none that has. */
const MAY_PASS: ReadonlySet<ErrorCode> = new Set(['NotFound', 'Denied', 'Invalid']);

/**
 * Starts a worker: receives, handles and settles until it is closed. When the carrier goes away it says so,
 * tries again with backoff, and goes on when it is back.
 *
 * @example
 * const worker = startWorker({ transport, address: { topic: 'order_placed', subscription: 'mail' },
 *   contract: OrderPlaced, handler: async ({ data }) => send(data) });
 * process.once('SIGTERM', () => worker.close());
 *
 * @throws RangeError for an option that is no number, or too small.
 */
export function startWorker<Data>(options: WorkerOptions<Data>): Worker {
  const { transport, address, concurrency = 10, handlerTimeoutMs = 30_000 } = options;
  const { receiveEntries, settleEntries } = transport.limits;
  const prefetch = options.prefetch ?? Math.min(concurrency, receiveEntries);
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  const leaseMs = Math.min(options.leaseMs ?? 30_000, transport.limits.leaseMs);
  expectWhole(1, { concurrency });
  expectLimit(0, { prefetch });
  expectNumbers(1, { leaseMs, handlerTimeoutMs, 'retry.maxAttempts': retry.maxAttempts });
  expectNumbers(0, { 'retry.baseMs': retry.baseMs, 'retry.maxMs': retry.maxMs });
  const carrier = createCarrierState(transport.name);
  const name = consumerName();
  let worked = false;
  /** Fires when no more is to be received. */
  const stopping = new AbortController();
  /** Fires when the time to finish is over. */
  const deadline = new AbortController();
  const extend: ExtendLeases = async (deliveries, ms) => {
    const receipts = deliveries.map(({ receipt }) => receipt);
    const pieces = inPieces(receipts, settleEntries);
    const extendByMs = Math.min(ms, transport.limits.leaseMs);
    return (await Promise.all(pieces.map((piece) => transport.extend(address, piece, extendByMs)))).flat();
  };
  const ordered = transport.keepsOrder?.(address.topic) ?? false;
  const processor = createProcessor({
    address,
    contract: options.contract,
    handler: options.handler,
    retry,
    handlerTimeoutMs,
    limits: transport.limits,
    extend,
    verify: verifyLater({ topic: address.topic, keys: options.signingKeys, maxAgeMs: options.maxAgeMs }),
    ordered,
    countsPostponed: transport.countsPostponed?.(address.topic),
    maxDeliveries: ordered ? transport.maxDeliveries?.(address) : undefined,
    extendByMs: leaseMs,
  });
  const settler = createSettler({
    transport,
    address,
    carrier,
    signal: deadline.signal,
    giveUpAfterMs: leaseMs,
    lingerMs: ordered ? 0 : LINGER_MS,
    onSettled() {
      pool.pump();
      schedule();
    },
  });
  const pool = createPool({
    processor,
    concurrency,
    prefetch,
    maxAttempts: retry.maxAttempts,
    ordered,
    leaseMs,
    extend,
    onEnded(ended) {
      settler.add(ended);
      schedule();
    },
    settled: settler.settled,
    allSettled: () => settler.unsettled === 0,
    onStale: (deliveries) => void giveBack(deliveries),
  });
  const end = Promise.withResolvers<void>();
  // Whoever does not look at `ended` has been told by the event.
  end.promise.catch(() => undefined);
  let failure: TransportError | undefined;
  let finished = false;
  let polls = 0;
  /** How many messages the polls under way may bring. */
  let expected = 0;
  /** The last answer was full: there is more. */
  let more = false;
  /** Since when an answer is owed. */
  let askedAt = 0;
  let returning = 0;
  let scheduled = false;

  /** Looks, once at the end of this turn of the event loop, at what has to be done next. */
  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  }

  function turn(): void {
    scheduled = false;
    pool.measure();
    if (pool.atWork === 0 && pool.waiting === 0) settler.flush();
    if (pool.exclusive) settler.flush();
    if (!stopping.signal.aborted) fill();
    else if (pool.atWork + settler.unsettled + polls + returning === 0) finish();
  }

  function fill(): void {
    // A carrier that takes no settlements shall not fill the memory with what is done.
    if (pool.exclusive || settler.unsettled >= concurrency + 2 * settleEntries) return;
    const portion = Math.min(pool.portion, receiveEntries);
    for (;;) {
      const room = pool.room - expected;
      // One poll is enough to wait for messages; more only where one brings all it can.
      if (polls > 0 ? !more || room < portion : room < portion && (room <= 0 || pool.waiting > 0)) return;
      void poll(Math.min(room, portion));
    }
  }

  async function poll(max: number): Promise<void> {
    if (polls === 0) askedAt = performance.now();
    polls++;
    expected += max;
    try {
      const received = await receive(max);
      if (received.length >= max) more = true;
      else if (received.length === 0) more = false;
      if (stopping.signal.aborted) await giveBack(received);
      else pool.add(received);
    } catch (thrown) {
      failure ??= asTransportError(thrown);
      emit({
        event: 'carrier_unavailable',
        transport: transport.name,
        code: failure.code,
        error: failure.message,
      });
      stop();
    }
    polls--;
    expected -= max;
    schedule();
  }

  function stop(): void {
    stopping.abort();
    void giveBack(pool.stop());
    schedule();
  }

  function finish(): void {
    if (finished) return;
    finished = true;
    if (failure === undefined) end.resolve();
    else end.reject(failure);
  }

  async function receive(max: number): Promise<readonly Incoming[]> {
    for (let tried = 1; !stopping.signal.aborted; tried++) {
      try {
        // Not aborted by `stopping`: a message handed over to an aborted poll would stay hidden until its
        // lease ends. The poll is short, and what it brings is given back.
        const received = await transport.receive(address, {
          max,
          // The first answer comes at once: whoever waits for this worker to be ready should not wait longer.
          waitMs: worked ? WAIT_MS : 0,
          leaseMs,
          consumer: name,
          signal: deadline.signal,
        });
        askedAt = performance.now();
        carrier.worked();
        worked = true;
        return received;
      } catch (thrown) {
        const error = asTransportError(thrown);
        // What worked once may work again: a queue is created anew, a right is given back, a key put right.
        const mayPass = error.retryable || (worked && MAY_PASS.has(error.code));
        if (!mayPass) throw error;
        carrier.failed(error);
        await pause(backoffDelay(BACKOFF, tried), stopping.signal);
      }
    }
    return [];
  }

  async function giveBack(deliveries: readonly Incoming[]): Promise<void> {
    if (deliveries.length === 0) return;
    returning++;
    const untried = deliveries.map((delivery) => released(address, delivery));
    await settleAll(transport, address, untried, { giveUpAfterMs: 0 });
    returning--;
    schedule();
  }

  schedule();
  return {
    name,
    ended: end.promise,
    health: () => ({
      address,
      draining: stopping.signal.aborted,
      reached: worked && !carrier.away && (polls === 0 || performance.now() - askedAt < SILENCE_MS),
      atWork: pool.atWork,
    }),
    async close({ deadlineMs = 25_000 } = {}) {
      stop();
      const timer = setTimeout(
        () => {
          deadline.abort();
          processor.cutShort(new TransportError('Closed', 'the worker closed before the handler answered'));
        },
        Math.min(deadlineMs, LONGEST_TIMER),
      );
      await end.promise.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}

/** Tells this consumer from all others, and an operator where it runs. */
function consumerName(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, '-')
    .slice(0, 40);
  return `${host}-${process.pid}-${randomBytes(3).toString('hex')}`;
}
