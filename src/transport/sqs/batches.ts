import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { TransportError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { entryError } from './errors.ts';
import type { Fields } from './fields.ts';
import { DELETE, HIDE, SEND } from './operations.ts';
import type { SqsReceipt } from './receipt.ts';

/** For each entry of a batch, in order: why it failed, or undefined. */
export type EntryErrors = (TransportError | undefined)[];

/** Stores messages: at most ten, and 1 MiB together. */
export async function sendBatch(
  connection: Connection,
  queue: string,
  messages: readonly Fields[],
  signal?: AbortSignal,
): Promise<EntryErrors> {
  const Entries = messages.map((fields, place) => ({ Id: String(place), ...fields }));
  const answer = await connection.request(
    queue,
    (QueueUrl, options) => connection.ask(SEND, { QueueUrl, Entries }, options),
    signal,
  );
  return entryErrors(messages.length, answer);
}

/** Removes deliveries' messages: at most ten. */
export async function deleteBatch(
  connection: Connection,
  queue: string,
  receipts: readonly SqsReceipt[],
): Promise<EntryErrors> {
  const Entries = receipts.map(({ handle }, place) => ({ Id: String(place), ReceiptHandle: handle }));
  const answer = await connection.request(queue, (QueueUrl, options) =>
    connection.ask(DELETE, { QueueUrl, Entries }, options),
  );
  return entryErrors(receipts.length, answer);
}

/** Hides deliveries' messages for so many seconds from now; 0 shows them again. At most ten. */
export async function hideBatch(
  connection: Connection,
  queue: string,
  deliveries: readonly { readonly receipt: SqsReceipt; readonly seconds: number }[],
): Promise<EntryErrors> {
  const Entries = deliveries.map(({ receipt, seconds }, place) => ({
    Id: String(place),
    ReceiptHandle: receipt.handle,
    VisibilityTimeout: seconds,
  }));
  const answer = await connection.request(queue, (QueueUrl, options) =>
    connection.ask(HIDE, { QueueUrl, Entries }, options),
  );
  return entryErrors(deliveries.length, answer);
}

/** A batch answers 200 also when entries failed, so each has to be looked for. */
function entryErrors(
  count: number,
  answer: {
    readonly Successful: readonly { readonly Id: string | undefined }[] | undefined;
    readonly Failed: readonly BatchResultErrorEntry[] | undefined;
  },
): EntryErrors {
  // Servers other than AWS's own may say null for none.
  const [Successful, Failed] = [answer.Successful ?? [], answer.Failed ?? []];
  const errors: EntryErrors = new Array(count).fill(undefined);
  if (Successful.length === count) return errors;
  for (const entry of Failed) errors[Number(entry.Id)] = entryError(entry);
  const successful = new Set(Successful.map(({ Id }) => Id));
  for (let place = 0; place < count; place++) {
    if (errors[place] !== undefined || successful.has(String(place))) continue;
    errors[place] = new TransportError('Unavailable', 'SQS did not say what became of it');
  }
  return errors;
}
