import { escapeBeyond } from '../../message/json.ts';
import { TransportError } from '../errors.ts';
import { type Outgoing, sizeOf } from '../transport.ts';
import { AT, HEADERS, ID, KEY } from './from-fields.ts';
import { LIMITS } from './limits.ts';
import type { Carried } from './receipt.ts';

/** An entry of SendMessageBatch, without its place. */
export interface Fields {
  readonly MessageBody: string;
  readonly MessageAttributes: Record<string, { DataType: 'String'; StringValue: string }>;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
  readonly DelaySeconds?: number;
}

/** Fields, and how many bytes they count towards SQS's limits at most. */
export interface LaidOut {
  readonly fields: Fields;
  readonly bytes: number;
}

/** Lays a message out for a standard queue, or for a FIFO queue; or says why SQS would refuse it. */
export function layOut(message: Outgoing, ordered: boolean): LaidOut | TransportError {
  const { id, key, delayMs } = message;
  if (!ordered) {
    return layOutWithin(LIMITS.messageBytes, message, {
      // On a standard queue it asks for fairness: a key with much to say does not hold up the others.
      ...(key !== undefined && { MessageGroupId: token(key) }),
      ...(delayMs !== undefined && { DelaySeconds: Math.ceil(delayMs / 1_000) }),
    });
  }
  if (delayMs !== undefined && delayMs > 0) {
    return new TransportError(
      'Unsupported',
      `message ${id} asks for a delay, and a FIFO queue delays no single message: publish it later, or on a topic that is not ordered`,
    );
  }
  return layOutWithin(LIMITS.messageBytes, message, {
    // Without a key it is a group of its own, so that it waits for nobody.
    MessageGroupId: token(key ?? id),
    MessageDeduplicationId: token(id),
  });
}

/** Where a message goes once more: to the dead-letter queue, or from there back to its own. */
export type Destination = 'dead letters' | 'own queue';

/** As {@link layOut}, with the room that is kept for what is added to a dead letter. */
export function layOutAgain(
  message: Carried,
  ordered: boolean,
  destination: Destination,
): LaidOut | TransportError {
  const { id, key, messageId } = message;
  if (!ordered) {
    return layOutWithin(LIMITS.sendBytes, message, {
      ...(key !== undefined && { MessageGroupId: token(key) }),
    });
  }
  return layOutWithin(LIMITS.sendBytes, message, {
    // A dead letter is a group of its own: looking at one leases it, which would hide the others of its group.
    MessageGroupId: token(destination === 'dead letters' ? messageId : (key ?? id)),
    // Named after the copy that moves, not after the message: moving that copy twice stores it once, and one
    // that was accepted or replayed within the last five minutes is not taken for it and dropped.
    MessageDeduplicationId: token(messageId),
  });
}

/** What says when a postponed message was first sent: its name, its type, and thirteen digits. */
const AT_BYTES = 64;

/** As {@link layOutAgain}, into its own standard queue, which shows it after a delay. */
export function layOutLater(message: Carried, delayMs: number): LaidOut | TransportError {
  const laidOut = layOutAgain(message, false, 'own queue');
  if (laidOut instanceof TransportError) return laidOut;
  const { fields, bytes } = laidOut;
  const MessageAttributes = { ...fields.MessageAttributes, [AT]: text(String(message.enqueuedAt)) };
  const DelaySeconds = Math.min(Math.ceil(delayMs / 1_000), LIMITS.postponeDelayMs / 1_000);
  return { fields: { ...fields, MessageAttributes, DelaySeconds }, bytes: bytes + AT_BYTES };
}

/** Fields that differ by kind of queue. */
type QueueFields = Pick<Fields, 'MessageGroupId' | 'MessageDeduplicationId' | 'DelaySeconds'>;

function layOutWithin(
  most: number,
  message: Pick<Carried, 'id' | 'body' | 'headers' | 'key'>,
  queueFields: QueueFields,
): LaidOut | TransportError {
  const { id, body, headers, key } = message;
  const bytes = sizeOf(message);
  if (bytes > most) {
    return new TransportError('TooLarge', `message ${id} has ${bytes} bytes: at most ${most} fit`);
  }
  if (body === '' || id === '' || key === '') {
    return new TransportError('Invalid', 'SQS carries no message with an empty body, id or key');
  }
  if (!CARRIED_TEXT.test(body) || !CARRIED_TEXT.test(id) || (key !== undefined && !CARRIED_TEXT.test(key))) {
    return new TransportError(
      'Invalid',
      `message ${id} has a character that XML 1.0, and so SQS, cannot carry: escape it in the body`,
    );
  }
  const attributes: Fields['MessageAttributes'] = { [ID]: text(id) };
  for (const _ in headers) {
    attributes[HEADERS] = text(escapeBeyond(JSON.stringify(headers)));
    break;
  }
  if (key !== undefined) attributes[KEY] = text(key);
  return { fields: { MessageBody: body, MessageAttributes: attributes, ...queueFields }, bytes };
}

const CARRIED_TEXT = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

function text(value: string): { DataType: 'String'; StringValue: string } {
  return { DataType: 'String', StringValue: value };
}

const TOKEN = /^[!-~]{1,128}$/;

/** Any text as a group or deduplication id: itself where SQS takes it, else its hash. */
function token(text: string): string {
  if (TOKEN.test(text)) return text;
  // Not imported: a consumer's Lambda function loads this file at its start, and crypto takes long to load.
  return process.getBuiltinModule('node:crypto').createHash('sha256').update(text).digest('hex');
}
