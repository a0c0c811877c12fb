import { asTransportError, TransportError } from '../errors.ts';
import { outcomeOfCopies } from '../outcome-of-copies.ts';
import type { Outgoing, SendOutcome } from '../transport.ts';
import { type EntryErrors, sendBatch } from './batches.ts';
import type { Connection } from './connection.ts';
import type { Place } from './directory.ts';
import { type Fields, type LaidOut, layOut } from './fields.ts';
import { LIMITS } from './limits.ts';

/** Stores a copy of each message in the queue of each subscription, all queues at once. */
export async function send(
  connection: Connection,
  places: readonly Place[],
  messages: readonly Outgoing[],
  signal: AbortSignal | undefined,
): Promise<SendOutcome[]> {
  if (messages.length > LIMITS.sendEntries) {
    throw new TransportError(
      'Invalid',
      `${messages.length} messages in one send: SQS takes ${LIMITS.sendEntries}`,
    );
  }
  const ordered = places.some((place) => place.ordered);
  const laidOut = messages.map((message) => refusalOf(message, places) ?? layOut(message, ordered));
  checkBytes(laidOut);
  const answers = await Promise.all(
    places.map((place) => sendCopies(connection, place, messages, laidOut, signal)),
  );
  const sent = answers.filter((answer) => answer !== undefined);
  const [first] = sent;
  if (first?.rejection !== undefined && sent.every(({ rejection }) => rejection !== undefined)) {
    throw first.rejection;
  }
  return laidOut.map((message, index) =>
    message instanceof TransportError
      ? { error: message }
      : outcomeOfCopies(
          sent,
          ({ errors }) => errors[index],
          ({ subscription }) => subscription,
        ),
  );
}

/** What became of the copies for one subscription that was sent any. */
interface Sent {
  readonly subscription: string;
  /** By the message's index; undefined also where no copy was to be sent. */
  readonly errors: EntryErrors;
  /** Why it is not known of any of them. */
  readonly rejection?: TransportError;
}

async function sendCopies(
  connection: Connection,
  { subscription: { name: subscription }, queue }: Place,
  messages: readonly Outgoing[],
  laidOut: readonly (LaidOut | TransportError)[],
  signal: AbortSignal | undefined,
): Promise<Sent | undefined> {
  const errors: EntryErrors = new Array(messages.length).fill(undefined);
  const indices: number[] = [];
  const copies: Fields[] = [];
  for (const [index, message] of laidOut.entries()) {
    const only = messages[index]?.only;
    if (message instanceof TransportError || (only !== undefined && !only.includes(subscription))) continue;
    indices.push(index);
    copies.push(message.fields);
  }
  if (copies.length === 0) return undefined;
  try {
    const answers = await sendBatch(connection, queue, copies, signal);
    for (const [place, index] of indices.entries()) errors[index] = answers[place];
    return { subscription, errors };
  } catch (error) {
    const rejection = asTransportError(error);
    for (const index of indices) errors[index] = rejection;
    return { subscription, errors, rejection };
  }
}

function refusalOf({ only }: Outgoing, places: readonly Place[]): TransportError | undefined {
  const unknown = only?.find((name) => !places.some(({ subscription }) => subscription.name === name));
  if (unknown === undefined) return undefined;
  return new TransportError('NotFound', `the topic has no subscription ${unknown}`);
}

function checkBytes(laidOut: readonly (LaidOut | TransportError)[]): void {
  let bytes = 0;
  for (const message of laidOut) bytes += message instanceof TransportError ? 0 : message.bytes;
  if (bytes <= LIMITS.sendBytes) return;
  throw new TransportError('TooLarge', `${bytes} bytes in one send: SQS takes ${LIMITS.sendBytes}`);
}
