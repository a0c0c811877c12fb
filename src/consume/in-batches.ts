import type { Envelope } from '../message/envelope.ts';
import type { Handler, HandlerContext } from './handler.ts';

/**
 * What a consumer does with several messages at once. Returning nothing: all are done. Returning a list: what
 * became of each, in order; undefined is done, an error is what a handler of that one message would have thrown,
 * `Reject`, `RetryAfter` and `Postpone` included. Throwing: all have failed.
 */
export type BatchHandler<Data> = (
  messages: readonly Envelope<Data>[],
  context: BatchContext,
) => Promise<BatchResult> | BatchResult;

/** `undefined`, or one result for each message. */
export type BatchResult = readonly (Error | undefined)[] | undefined;

export interface BatchContext {
  /** Of each message, in order; see {@link HandlerContext}. */
  readonly attempts: readonly number[];
  /** Fires when the time is up for one of them, its lease is lost, or the consumer closes past its deadline. */
  readonly signal: AbortSignal;
}

/** The answer had another number of results than there were messages: nobody knows which is whose. */
export class InvalidBatchResult extends Error {
  override readonly name = 'InvalidBatchResult';
}

interface Waiting<Data> {
  readonly message: Envelope<Data>;
  readonly context: HandlerContext;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Makes a handler, for any host, of one that takes several messages at once: those that begin in the same turn of
 * the event loop, at most `maxMessages`, and so never more than the host's concurrency. Each message keeps its
 * own lease, attempts and outcome.
 *
 * @example
 * export default inBatches<Order>(async (orders) => table.insert(orders.map(({ data }) => data)), { maxMessages: 100 });
 */
export function inBatches<Data>(
  handler: BatchHandler<Data>,
  { maxMessages }: { readonly maxMessages: number },
): Handler<Data> {
  let gathered: Waiting<Data>[] = [];

  function flush(): void {
    const batch = gathered;
    gathered = [];
    if (batch.length > 0) void handle(handler, batch);
  }

  return (message, context) =>
    new Promise<void>((done, failed) => {
      gathered.push({ message, context, done, failed });
      if (gathered.length >= maxMessages) flush();
      else if (gathered.length === 1) setImmediate(flush);
    });
}

/** Never rejects. */
async function handle<Data>(handler: BatchHandler<Data>, batch: readonly Waiting<Data>[]): Promise<void> {
  let signal: AbortSignal | undefined;
  const context: BatchContext = {
    attempts: batch.map(({ context }) => context.attempt),
    get signal() {
      signal ??= AbortSignal.any(batch.map(({ context }) => context.signal));
      return signal;
    },
  };
  try {
    const results = await handler(
      batch.map(({ message }) => message),
      context,
    );
    if (results !== undefined && results.length !== batch.length) {
      throw new InvalidBatchResult(
        `${results.length} results for ${batch.length} messages: expected one for each`,
      );
    }
    for (const [index, { done, failed }] of batch.entries()) {
      const error = results?.[index];
      if (error === undefined) done();
      else failed(error);
    }
  } catch (error) {
    for (const { failed } of batch) failed(error);
  }
}
