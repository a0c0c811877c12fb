import type { Context } from 'aws-lambda';
import type { FoundSubscription } from '../config/define-config.ts';
import { emit, observed } from '../observe/events.ts';
import type { Secrets } from '../secrets/secrets.ts';
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
  /** See {@link startWorker}. */
  readonly signingKeys?: Secrets | undefined;
}

/** What one invocation did, and the time it had left, in ms. Counted when the carrier had settled it. */
export interface DrainResult {
  /** Of the event; absent where that names none. */
  readonly partition?: number;
  readonly received: number;
  /** Those that were dropped, because they had expired, among them. */
  readonly handled: number;
  readonly retried: number;
  readonly postponed: number;
  readonly deadLettered: number;
  /** Given back untried: the time was over. */
  readonly released: number;
  readonly remainingMs: number;
}

/** An event that names no partition there is: the message says which there are. */
export class InvalidDrainEvent extends Error {
  override readonly name = 'InvalidDrainEvent';
}

/**
 * Of the event only `partition` is read, which may be absent: a whole number below the subscription's
 * `lambda.partitions`. It tells drains that are scheduled at the same time from each other; each of them works
 * on the whole subscription, and takes its share of what is ready.
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
  postpone: 'postponed',
  deadLetter: 'deadLettered',
  release: 'released',
} as const satisfies Record<Settlement['action'], string>;

/**
 * Hosts a consumer in a Lambda function that is invoked on a schedule, for carriers that Lambda has no event
 * source for. Each invocation takes what is ready, and what others abandoned; it ends when nothing more is
 * ready, or when a handler that began now might not end in time. Invocations may overlap: to the carrier each
 * is one more consumer. Rejects, after settling what it had, when the carrier cannot be reached; at once with
 * InvalidDrainEvent.
 */
export function createDrain(options: DrainOptions): Drain {
  const { found, handler, openTransport, concurrency = 10, signingKeys } = options;
  const { topic, subscription, address } = found;
  const open = openOnce(openTransport);
  /** An earlier invocation has left the transport open. */
  let used = false;

  return async (event, context) => {
    const partition = partitionOf(event, found);
    const transport = await open();
    // Its connections may have died while the function was frozen, which the first call finds out.
    let mayBeStale = used;
    used = true;
    const counts = { received: 0, handled: 0, retried: 0, postponed: 0, deadLettered: 0, released: 0 };
    const startedAt = Date.now();
    let oldestAt = startedAt;
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
          const received = await transport.receive(from, {
            ...options,
            ...(partition !== undefined && { consumer: `partition-${partition}-${options.consumer}` }),
            waitMs: 0,
          });
          mayBeStale = false;
          failure = undefined;
          counts.received += received.length;
          for (const { enqueuedAt } of received) oldestAt = Math.min(oldestAt, enqueuedAt);
          held += received.length;
          // Empty, but what is at hand may come back: look again when some of it has ended.
          if (received.length === 0)
            await (held > 0 ? pause(LOOK_AGAIN_MS, changed.signal) : enough.resolve());
          return received;
        } catch (error) {
          failure = asTransportError(error);
          // The worker asks again where that may help, and the driver connects anew.
          if (!(mayBeStale && failure.retryable)) enough.resolve();
          mayBeStale = false;
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
      signingKeys,
      maxAgeMs: subscription.maxAgeMs,
    });
    worker.ended.catch(enough.resolve);
    const timer = setTimeout(enough.resolve, beginMs);
    await enough.promise;
    clearTimeout(timer);
    change();
    await worker.close({ deadlineMs: Math.max(0, context.getRemainingTimeInMillis() - SETTLE_MS) });
    if (failure !== undefined) throw failure;
    if (observed()) {
      const depth = await transport.depth(address);
      emit({ event: 'drained', ...address, ...depth, oldestMs: startedAt - oldestAt });
    }
    return {
      ...(partition !== undefined && { partition }),
      ...counts,
      remainingMs: context.getRemainingTimeInMillis(),
    };
  };
}

function partitionOf(event: unknown, { address, subscription }: FoundSubscription): number | undefined {
  // Invoked with nothing, as from a console, it is null.
  if (event === undefined || event === null) return undefined;
  if (typeof event !== 'object') {
    throw new InvalidDrainEvent(
      `the event is ${JSON.stringify(event)}: expected an object, as {"partition": 0} or {}`,
    );
  }
  if (!('partition' in event)) return undefined;
  const { partition } = event;
  const { partitions } = subscription.lambda;
  if (typeof partition === 'number' && Number.isSafeInteger(partition)) {
    if (partition >= 0 && partition < partitions) return partition;
  }
  throw new InvalidDrainEvent(
    `partition is ${JSON.stringify(partition)}: expected a whole number from 0 to ${partitions - 1}, for ${address.topic}/${address.subscription} has ${partitions} in its config (lambda.partitions)`,
  );
}
