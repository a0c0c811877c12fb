import { createHash } from 'node:crypto';
import type { Decoded, Dialect } from '../dialects/dialect.ts';
import type { Headers } from '../transport.ts';

/** What the first line of an entry says. `at`: when it was sent, Unix ms. */
interface Frame {
  readonly id: string;
  readonly at: number;
  readonly key?: string;
  readonly headers?: Headers;
}

const NO_HEADERS: Headers = Object.freeze({});
/** The common line, read without a parser. */
const PLAIN = /^\{"id":"([^"\\]*)","at":(\d{1,15})\}$/;

/**
 * Our own layout: a line of JSON with id, time, key and headers, then the body's exact text. An entry without such a
 * line is another program's: its text is the body, and its id follows from the text.
 */
export const FRAMED: Dialect<string> = {
  encode: ({ id, key, headers, body }, { now }) => framed({ id, at: now, key, headers }, body),

  decode: (native) => {
    const parts = read(native);
    if (parts === undefined) return { id: derivedId(native), headers: NO_HEADERS, body: native };
    const { frame, body } = parts;
    const { id, at, key, headers = NO_HEADERS } = frame;
    return key === undefined
      ? { id, headers, body, enqueuedAt: at }
      : { id, headers, key, body, enqueuedAt: at };
  },

  retry: (native) => native,

  dead: (native, { headers, now }) => again(FRAMED.decode(native, NOWHERE), headers, now),

  undead: (native) => ({ native, headers: FRAMED.decode(native, NOWHERE).headers }),

  replay: (native, { headers, now }) => {
    const { enqueuedAt: _before, ...message } = FRAMED.decode(native, NOWHERE);
    return again(message, headers, now);
  },
};

/** It is the same in every topic. */
const NOWHERE = { topic: '' };

function again({ id, key, body, enqueuedAt }: Decoded, headers: Headers, now: number): string {
  return framed({ id, at: enqueuedAt ?? now, key, headers }, body);
}

function framed(
  { id, at, key, headers }: { id: string; at: number; key: string | undefined; headers: Headers },
  body: string,
): string {
  let line = `{"id":${JSON.stringify(id)},"at":${at}`;
  if (key !== undefined) line += `,"key":${JSON.stringify(key)}`;
  for (const _ in headers) {
    line += `,"headers":${JSON.stringify(headers)}`;
    break;
  }
  return `${line}}\n${body}`;
}

function read(native: string): { readonly frame: Frame; readonly body: string } | undefined {
  const end = native.indexOf('\n');
  if (end < 0 || !native.startsWith('{"id":"')) return undefined;
  const line = native.slice(0, end);
  const [, id, at] = PLAIN.exec(line) ?? [];
  const frame = id === undefined ? parsed(line) : { id, at: Number(at) };
  return frame && { frame, body: native.slice(end + 1) };
}

const PARTS: ReadonlySet<string> = new Set(['id', 'at', 'key', 'headers']);

function parsed(line: string): Frame | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isFrame(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isFrame(value: unknown): value is Frame {
  if (!isObject(value) || Object.keys(value).some((part) => !PARTS.has(part))) return false;
  const { id, at, key = '', headers = NO_HEADERS } = value;
  return (
    typeof id === 'string' &&
    Number.isSafeInteger(at) &&
    typeof key === 'string' &&
    isObject(headers) &&
    Object.values(headers).every((one) => typeof one === 'string')
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function derivedId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
