import type { Context } from 'aws-lambda';
import type { FoundSubscription } from '../config/define-config.ts';
import { pause } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import { openOnce } from '../transport/open-once.ts';
import type { Settlement, Transport } from '../transport/transport.ts';
import type { Handler } from './handler.ts';
import { startWorker } from './worker.ts';

export interface DrainOptions {
  /** Which subscription, with its contract and policies. */
  readonly found: FoundSubscription;
  readonly handler: Handler<unknown>;
  /** Opens the transport, at the first invocation; it stays open for the next. */
  readonly openTransport: () => Promise<Transport>;
  /** How many messages are handled at once. Default 10. */
  readonly concurrency?: number;
}

/** What one invocation did, and the time it had left, in ms. Counted when the carrier had settled it. */
export interface DrainResult {
  readonly received: number;
  readonly handled: number;
  readonly retried: number;
  readonly deadLettered: number;
  /** Given back untried: the time was over. */
  readonly released: number;
  readonly remainingMs: number;
}

/**
 * The event is not read: an invocation works on the whole subscription. Where a topic has partitions, it will
 * name the one to work on.
 */
export type Drain = (
  event: unknown,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<DrainResult>;

/** Kept back at the end of an invocation, to settle what was cut short. In ms. */
const SETTLE_MS = 1_000;
/** While handlers are at work on the last messages, how soon to look for new ones, in ms. */
const LOOK_AGAIN_MS = 1_000;

const COUNTED = {
  ack: 'handled',
  retry: 'retried',
  deadLetter: 'deadLettered',
  release: 'released',
} as const satisfies Record<Settlement['action'], string>;

/**
 * Hosts a consumer in a Lambda function that is invoked on a schedule, for carriers that Lambda has no event
 * source for. Each invocation takes what is ready, and what others abandoned; it ends when nothing more is
 * ready, or when a handler that began now might not end in time. Invocations may overlap: to the carrier each
 * is one more consumer. Rejects, after settling what it had, when the carrier cannot be reached.
 */
export function createDrain({ found, handler, openTransport, concurrency = 10 }: DrainOptions): Drain {
  const { topic, subscription, address } = found;
  const open = openOnce(openTransport);

  return async (_event, context) => {
    const transport = await open();
    const counts = { received: 0, handled: 0, retried: 0, deadLettered: 0, released: 0 };
    let failure: TransportError | undefined;
    /** Received and not settled. */
    let held = 0;
    let changed = new AbortController();
    const change = (): void => {
      changed.abort();
      changed = new AbortController();
    };
    const enough = Promise.withResolvers<void>();
    const counted: Transport = {
      ...transport,
      async receive(from, options) {
        try {
          const received = await transport.receive(from, { ...options, waitMs: 0 });
          counts.received += received.length;
          held += received.length;
          // Empty, but what is at hand may come back: look again when some of it has ended.
          if (received.length === 0)
            await (held > 0 ? pause(LOOK_AGAIN_MS, changed.signal) : enough.resolve());
          return received;
        } catch (error) {
          failure = asTransportError(error);
          enough.resolve();
          throw failure;
        }
      },
      async settle(from, settlements) {
        const outcomes = await transport.settle(from, settlements);
        for (const [index, { action }] of settlements.entries()) {
          const outcome = outcomes[index];
          if (!(outcome instanceof TransportError)) counts[COUNTED[action]]++;
          // What is settled again later is still held.
          if (!(outcome instanceof TransportError && outcome.retryable)) held--;
        }
        change();
        return outcomes;
      },
    };
    const workMs = context.getRemainingTimeInMillis() - SETTLE_MS;
    // What begins last shall be able to end; but no more than half of the time is kept for that.
    const beginMs = workMs - Math.min(subscription.handlerTimeoutMs, workMs / 2);
    const worker = startWorker({
      transport: counted,
      address,
      contract: topic.contract,
      handler,
      retry: subscription.retry,
      handlerTimeoutMs: subscription.handlerTimeoutMs,
      concurrency,
    });
    worker.ended.catch(enough.resolve);
    const timer = setTimeout(enough.resolve, beginMs);
    await enough.promise;
    clearTimeout(timer);
    change();
    await worker.close({ deadlineMs: Math.max(0, context.getRemainingTimeInMillis() - SETTLE_MS) });
    if (failure !== undefined) throw failure;
    return { ...counts, remainingMs: context.getRemainingTimeInMillis() };
  };
}
