import type { TransportError } from '../errors.ts';
import { halfPair } from '../refusals.ts';
import type { Headers } from '../transport.ts';

/** What a message has besides its body. */
export interface Frame {
  readonly id: string;
  readonly key?: string;
  readonly headers: Headers;
}

const NO_HEADERS: Headers = Object.freeze({});

/**
 * Lays out what goes before the body: the plain id, in the common case that there is nothing else; otherwise
 * JSON. Either is one line.
 */
export function encodeFrame({ id, key, headers }: Frame): string {
  let plain = key === undefined && !id.startsWith('[') && !id.includes('\n');
  for (const _ in headers) {
    plain = false;
    break;
  }
  return plain ? id : JSON.stringify(key === undefined ? [id, headers] : [id, headers, key]);
}

/**
 * The one field of an entry of the stream: a line with the frame, and the body. One field, for each costs the
 * server and both clients nearly as much as its bytes.
 */
export function entryText(frame: string, body: string): string {
  return `${frame}\n${body}`;
}

/** Reads it back. What other programs wrote is taken for a plain id. */
export function decodeFrame(text: string): Frame {
  if (!text.startsWith('[')) return { id: text, headers: NO_HEADERS };
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) {
      const [id, headers, key]: unknown[] = value;
      if (typeof id === 'string' && isHeaders(headers)) {
        return typeof key === 'string' ? { id, headers, key } : { id, headers };
      }
    }
  } catch {
    // Not ours.
  }
  return { id: text, headers: NO_HEADERS };
}

function isHeaders(value: unknown): value is Headers {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((one) => typeof one === 'string')
  );
}

export function unwritable(frame: string, body: string): TransportError | undefined {
  return halfPair(body) ?? halfPair(frame);
}
