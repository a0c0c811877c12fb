import { type Envelope, InvalidMessage, readEnvelope } from '../../message/envelope.ts';
import { deriveId } from '../../message/id.ts';
import { TransportError } from '../errors.ts';
import type { Headers, Outgoing } from '../transport.ts';
import type { Decoded } from './dialect.ts';
import { members } from './raw-json.ts';
import { UNREAD } from './unread.ts';

/** What a foreign entry says, in the words of an envelope. */
interface Said {
  readonly id: string;
  readonly topic: string;
  readonly source: string;
  readonly time: string | undefined;
  readonly subject?: string | undefined;
  readonly correlationid?: string | undefined;
  /** Attributes beyond those of an envelope of ours: lower-case names, as CloudEvents has them. */
  readonly extensions?: Readonly<Record<string, string | undefined>>;
  /** JSON, as it was written. */
  readonly data: string;
}

const NO_HEADERS: Headers = Object.freeze({});

/**
 * The body of a message of theirs. They know no versions: the contract's is 1. Their data is taken over as it is written.
 */
export function bodyOf({ id, topic, source, time, subject, correlationid, extensions, data }: Said): string {
  const attributes = {
    specversion: '1.0',
    id,
    source,
    type: topic,
    time,
    subject,
    datacontenttype: 'application/json',
    dataschema: `urn:hikyaku:${topic}:1`,
    correlationid,
    ...extensions,
  };
  return `${JSON.stringify(attributes).slice(0, -1)},"data":${data}}`;
}

export function decoded(said: Said, attempts = 0): Decoded {
  const enqueuedAt = Date.parse(said.time ?? '');
  const message = { id: said.id, body: bodyOf(said), headers: NO_HEADERS, attempts };
  return Number.isNaN(enqueuedAt) ? message : { ...message, enqueuedAt };
}

/** An entry that cannot be read: its text as it is, and why. Its id follows from the text. */
export function unread(text: string, problem: string): Decoded {
  return { id: deriveId([text]), body: text, headers: { [UNREAD]: problem } };
}

/** A message of ours, to be said in their words. */
interface ToSay {
  readonly event: Envelope & Readonly<Record<string, unknown>>;
  /** JSON, as it was written. */
  readonly data: string;
}

/** Throws a TransportError, `Invalid`, for a body that is no envelope, or has no object as data. */
export function toSay({ id, body }: Pick<Outgoing, 'id' | 'body'>): ToSay {
  let event: Envelope;
  try {
    event = readEnvelope(body);
  } catch (error) {
    if (error instanceof InvalidMessage) throw unsayable(id, `it is no envelope: ${error.message}`);
    throw error;
  }
  const data = members(body)?.get('data');
  if (data === undefined || members(data) === undefined)
    throw unsayable(id, 'its data is no JSON object, or is nested too deeply');
  return { event: { ...event }, data };
}

export function unsayable(id: string, why: string): TransportError {
  return new TransportError('Invalid', `message ${id} cannot be said in this dialect: ${why}`);
}

/** An attribute of an envelope that is a text. */
export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
