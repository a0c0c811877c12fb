import type { Headers } from '../transport.ts';
import type { Carried } from './receipt.ts';

/**
 * How a message lies in SQS's fields. The body is the body. One String attribute holds all headers as JSON: it
 * keeps any key and value, which attribute names do not, and uses one of the ten attributes. Two more hold the
 * id, because SQS gives a new MessageId to every copy and every redrive, and the key, because MessageGroupId
 * takes fewer characters and emulators drop it on standard queues. A copy that was postponed says in a fourth when the
 * message was first sent, because SQS dates each copy anew.
 */
export const HEADERS = 'hikyaku';
export const ID = 'hikyaku-id';
export const KEY = 'hikyaku-key';
export const AT = 'hikyaku-at';

/** What the fields of a received message say, by name: `texts` are those of type String or Number. */
export function fromFields(
  body: string,
  texts: Readonly<Record<string, string>>,
  messageId: string,
  group: string | undefined,
  sentTimestamp?: string | undefined,
): Carried {
  const { [ID]: ownId, [KEY]: ownKey, [AT]: firstSentAt, [HEADERS]: json, ...foreign } = texts;
  const headers = json === undefined ? foreign : readHeaders(json, foreign);
  const id = ownId ?? messageId;
  // The group stands for the key where another program sent it; one of ours without a key has a group as well.
  const key = ownKey ?? (ownId === undefined ? group : undefined);
  const sentAt = Number(sentTimestamp) || 0;
  // Whoever can send can write the attribute: it makes no message younger than it is.
  const enqueuedAt = Math.min(Number(firstSentAt) || sentAt, sentAt);
  const carried = { id, body, headers, enqueuedAt, messageId };
  return key === undefined ? carried : { ...carried, key };
}

/** Ours win over attributes that others set; what is not ours is one of those others. */
function readHeaders(json: string, foreign: Headers): Headers {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { ...foreign, [HEADERS]: json };
  }
  return isHeaders(value) ? { ...foreign, ...value } : { ...foreign, [HEADERS]: json };
}

function isHeaders(value: unknown): value is Headers {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((header) => typeof header === 'string')
  );
}
