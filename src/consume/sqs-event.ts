import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import type { FoundSubscription } from '../config/define-config.ts';
import { createCarrierState } from '../observe/carrier-state.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { verifyLater } from '../signing/later.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import { openOnce } from '../transport/open-once.ts';
import { incomingFromRecord } from '../transport/sqs/record.ts';
import type { Incoming, Transport } from '../transport/transport.ts';
import type { ExtendLeases } from './attempt.ts';
import type { Handler } from './handler.ts';
import { createProcessor, type Ended } from './processor.ts';

export interface SqsEventHandlerOptions {
  /** Which subscription, with its contract and policies. */
  readonly found: FoundSubscription;
  readonly handler: Handler<unknown>;
  /** Opens the SQS transport: called at the first failure only, for Lambda itself deletes what succeeded. */
  readonly openTransport: () => Promise<Transport>;
  /** Only messages that one of them has signed are handled: others are dead-lettered. Default: all are handled. */
  readonly signingKeys?: Secrets | undefined;
}

export type SqsEventHandler = (
  event: SQSEvent,
  context: Pick<Context, 'getRemainingTimeInMillis'>,
) => Promise<SQSBatchResponse>;

/** Kept back at the end of an invocation, to settle what timed out. In ms. */
const MARGIN_MS = 1_000;
/** Connections that were kept may have died while the function was frozen, which the first try finds out. In ms. */
const SETTLE_WITHIN_MS = MARGIN_MS / 2;
/** The longest SQS can hide a message, and delay one: known here without loading its driver. */
const LIMITS = { retryDelayMs: 12 * 3_600_000, postponeDelayMs: 15 * 60_000 };

/**
 * Hosts a consumer in a Lambda function behind an SQS event source with partial batch responses. What is done
 * is reported as success; a retry changes the message's visibility and is reported as failed; a dead letter is
 * stored in the dead-letter queue, and what is postponed in its own queue, and then reported as success. A FIFO queue
 * delays no single message: what is postponed there is hidden and reported as failed. Each record is judged on its own.
 */
export function createSqsEventHandler({
  found,
  handler,
  openTransport,
  signingKeys,
}: SqsEventHandlerOptions): SqsEventHandler {
  const { topic, subscription, address } = found;
  const carrier = createCarrierState('sqs');
  const transport = openOnce(openTransport);

  const extend: ExtendLeases = async (deliveries, ms) =>
    (await transport()).extend(
      address,
      deliveries.map(({ receipt }) => receipt),
      ms,
    );

  const processor = createProcessor({
    address,
    contract: topic.contract,
    handler,
    retry: subscription.retry,
    handlerTimeoutMs: subscription.handlerTimeoutMs,
    limits: LIMITS,
    verify: verifyLater({ topic: address.topic, keys: signingKeys, maxAgeMs: subscription.maxAgeMs }),
    ordered: topic.ordered,
    // A FIFO queue can only hide it.
    countsPostponed: topic.ordered,
    maxDeliveries: subscription.maxDeliveries,
    extend,
  });

  /** Settles, and answers which of them are not: those Lambda must not delete. */
  async function settle(ended: readonly Ended[]): Promise<Set<Ended>> {
    if (ended.length === 0) return new Set();
    // Loaded with the transport: most invocations need neither.
    const { sayUnsettled, settleAll } = await import('./settle.ts');
    try {
      const options = { carrier, giveUpAfterMs: SETTLE_WITHIN_MS };
      const outcomes = await settleAll(await transport(), address, ended, options);
      return new Set(ended.filter((_, index) => outcomes[index] instanceof TransportError));
    } catch (error) {
      // The transport could not even be opened: everything comes back when its visibility timeout ends.
      const failure = asTransportError(error);
      carrier.failed(failure);
      for (const one of ended) sayUnsettled(address, one, failure);
      return new Set(ended);
    }
  }

  /** With others still to come: whatever becomes of this process, they shall come again without it. */
  async function keepApart(suspect: Incoming, others: readonly Incoming[]): Promise<void> {
    const { areOthers, leaseApart } = await import('./suspects.ts');
    if (!areOthers(suspect, others, topic.ordered)) return;
    const ms = leaseApart(suspect, subscription.leaseMs, subscription.retry.maxAttempts);
    // Where that cannot be had it runs all the same.
    await extend([suspect], ms).catch(() => undefined);
  }

  /** Elsewhere, or anew, where that has succeeded: what Lambda handed over may be deleted. */
  function isStored({ action }: Ended): boolean {
    return action === 'deadLetter' || (action === 'postpone' && !topic.ordered);
  }

  return async (event, context) => {
    const leaseUntil = performance.now() + subscription.leaseMs;
    const messageIds = new Map<Incoming, string>();
    const unreadable: string[] = [];
    for (const record of event.Records) {
      try {
        messageIds.set(incomingFromRecord(record, leaseUntil), record.messageId);
      } catch {
        // No record of SQS: it comes again, and fails none of the others.
        unreadable.push(record.messageId);
      }
    }
    const failed: Incoming[] = [];
    const sentBack = new Set<string>();
    const batches = processor.isolate([...messageIds.keys()]);
    for (const [index, batch] of batches.entries()) {
      const left = (): number => context.getRemainingTimeInMillis() - MARGIN_MS;
      if (left() <= 0) {
        failed.push(...batch);
        continue;
      }
      const [first] = batch;
      if (first !== undefined && batch.length === 1 && first.deliveries > subscription.retry.maxAttempts) {
        await keepApart(first, batches.slice(index + 1).flat());
      }
      // That may have taken its time.
      const ended = await processor.process(batch, { leftMs: left(), sentBack });
      // What has succeeded is Lambda's to delete, unless something follows that may kill the process.
      const lambdaDeletes = index === batches.length - 1;
      const unsettled = await settle(ended.filter(({ action }) => action !== 'ack' || !lambdaDeletes));
      const notDone = (one: Ended): boolean => (isStored(one) ? unsettled.has(one) : one.action !== 'ack');
      const failedKeys = new Set<string>();
      for (const [place, delivery] of batch.entries()) {
        const one = ended[place];
        if (one === undefined) continue;
        // Of a FIFO queue Lambda must keep all that comes after what failed. What was done already can be there
        // only after a dead letter that could not be stored: it comes again, and those after it once more.
        const key = topic.ordered ? delivery.key : undefined;
        if (!notDone(one) && (key === undefined || !failedKeys.has(key))) continue;
        failed.push(delivery);
        if (key === undefined) continue;
        failedKeys.add(key);
        sentBack.add(key);
      }
    }
    const ids = unreadable.concat(failed.map((delivery) => messageIds.get(delivery) ?? ''));
    return { batchItemFailures: ids.map((itemIdentifier) => ({ itemIdentifier })) };
  };
}
