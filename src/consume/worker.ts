import type { Contract } from '../message/contract.ts';
import { createCarrierState } from '../observe/carrier-state.ts';
import { emit } from '../observe/events.ts';
import { backoffDelay, pause } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { Address, Incoming, Transport } from '../transport/transport.ts';
import type { Handler } from './handler.ts';
import { createProcessor, released } from './processor.ts';
import { DEFAULT_RETRY, type RetryPolicy } from './retry-policy.ts';
import { settleAll } from './settle.ts';

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
   * How long a message is hidden from other consumers; extended while its handler is at work. This is how
   * soon another worker takes over when this one dies. Default 30 s.
   */
  readonly leaseMs?: number;
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
}

const WAIT_MS = 5_000;
const BACKOFF = { baseMs: 200, maxMs: 10_000 };

/**
 * Starts a worker: receives, handles and settles until it is closed. When the carrier goes away it says so,
 * tries again with backoff, and goes on when it is back.
 *
 * @example
 * const worker = startWorker({ transport, address: { topic: 'order_placed', subscription: 'mail' },
 *   contract: OrderPlaced, handler: async ({ data }) => send(data) });
 * process.once('SIGTERM', () => worker.close());
 */
export function startWorker<Data>(options: WorkerOptions<Data>): Worker {
  const { transport, address, concurrency = 10 } = options;
  const retry = { ...DEFAULT_RETRY, ...options.retry };
  const leaseMs = Math.min(options.leaseMs ?? 30_000, transport.limits.leaseMs);
  const carrier = createCarrierState(transport.name);
  let worked = false;
  /** Fires when no more is to be received. */
  const stopping = new AbortController();
  /** Fires when the time to finish is over. */
  const deadline = new AbortController();
  const processor = createProcessor({
    address,
    contract: options.contract,
    handler: options.handler,
    retry,
    handlerTimeoutMs: options.handlerTimeoutMs ?? 30_000,
    limits: transport.limits,
    ordered: transport.keepsOrder?.(address.topic),
    extend: (deliveries, ms) =>
      transport.extend(
        address,
        deliveries.map(({ receipt }) => receipt),
        ms,
      ),
    extendByMs: leaseMs,
  });

  async function receive(max: number): Promise<readonly Incoming[]> {
    for (let tried = 1; !stopping.signal.aborted; tried++) {
      try {
        // Not aborted by `stopping`: a message handed over to an aborted poll would stay hidden until its
        // lease ends. The poll is short, and what it brings is given back.
        const received = await transport.receive(address, {
          max,
          waitMs: WAIT_MS,
          leaseMs,
          signal: deadline.signal,
        });
        carrier.worked();
        worked = true;
        return received;
      } catch (thrown) {
        const error = asTransportError(thrown);
        // What worked once may work again: a queue is created anew, a right is given back.
        const mayPass = error.retryable || (worked && (error.code === 'NotFound' || error.code === 'Denied'));
        if (!mayPass) throw error;
        carrier.failed(error);
        await pause(backoffDelay(BACKOFF, tried), stopping.signal);
      }
    }
    return [];
  }

  async function poll(max: number): Promise<void> {
    const settling = { carrier, signal: deadline.signal, giveUpAfterMs: leaseMs };
    while (!stopping.signal.aborted) {
      const received = await receive(max);
      if (received.length === 0) continue;
      if (stopping.signal.aborted) {
        await giveBack(received);
        return;
      }
      const sentBack = new Set<string>();
      for (const batch of processor.isolate(received)) {
        await settleAll(transport, address, await processor.process(batch, { sentBack }), settling);
      }
    }
  }

  async function giveBack(received: readonly Incoming[]): Promise<void> {
    const untried = received.map((delivery) => released(address, delivery));
    await settleAll(transport, address, untried, { giveUpAfterMs: 0 });
  }

  const perPoll = Math.min(concurrency, transport.limits.receiveEntries);
  const polls: Promise<void>[] = [];
  for (let left = concurrency; left > 0; left -= perPoll) polls.push(poll(Math.min(perPoll, left)));
  const ended = Promise.all(polls).then(
    () => undefined,
    (error: unknown) => {
      stopping.abort();
      emitEnd(transport.name, asTransportError(error));
      throw error;
    },
  );
  // Whoever does not look at `ended` has been told by the event.
  ended.catch(() => undefined);

  return {
    ended,
    async close({ deadlineMs = 25_000 } = {}) {
      stopping.abort();
      const timer = setTimeout(() => {
        deadline.abort();
        processor.cutShort(new TransportError('Closed', 'the worker closed before the handler answered'));
      }, deadlineMs);
      await ended.catch(() => undefined);
      clearTimeout(timer);
    },
  };
}

function emitEnd(transport: string, error: TransportError): void {
  emit({ event: 'carrier_unavailable', transport, code: error.code, error: error.message });
}
