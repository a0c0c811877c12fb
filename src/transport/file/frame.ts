import type { Decoded, Dialect } from '../dialects/dialect.ts';
import type { Headers } from '../transport.ts';

/** The first line of a message's file. Other programs may leave out all but the first. */
interface Frame {
  /** The version of the frame, by which it is known. */
  readonly hikyaku: 1;
  readonly id?: string;
  readonly key?: string;
  readonly headers?: Headers;
  /** Of the body, in UTF-8: a file that has fewer is not complete. */
  readonly bytes?: number;
}

const BEGINS = /^\{\s*"hikyaku"\s*:/;
const NO_HEADERS: Headers = Object.freeze({});

/**
 * The layout of a message on a carrier that has no headers: a line of JSON, then the body's exact text. What has no
 * such line is a body by itself, and is called by its name.
 */
export const frame: Dialect<string> = {
  encode({ id, key, headers, body }) {
    return write({ hikyaku: 1, id, ...(key !== undefined && { key }), headers }, body);
  },
  decode(native, { name = '' }): Decoded {
    const read = readFrame(native);
    if (read === undefined || isTorn(read)) return { id: name, body: native, headers: NO_HEADERS };
    const { id = name, key, headers = NO_HEADERS } = read.frame;
    return { id, body: read.body, headers, ...(key !== undefined && { key }) };
  },
  complete(native) {
    const read = readFrame(native);
    if (read !== undefined) return !isTorn(read);
    return !/^\s*[{[]/.test(native) || isJson(native);
  },
  retry: (native) => native,
  dead(native, { headers }) {
    const read = readFrame(native);
    if (read === undefined || isTorn(read)) return write({ hikyaku: 1, headers }, native);
    return write({ ...read.frame, headers }, read.body);
  },
  undead: (native) => ({ native, headers: readFrame(native)?.frame.headers ?? NO_HEADERS }),
  replay(native, { headers }) {
    const read = readFrame(native);
    if (read === undefined || isTorn(read)) return write({ hikyaku: 1, headers }, native);
    return write({ ...read.frame, headers }, read.body);
  },
};

/** Of a file that has no such line, or not all that it counts: all of it. */
export function bodyBytes(native: string): number {
  return Buffer.byteLength(frame.decode(native, { topic: '' }).body);
}

interface Read {
  readonly frame: Frame;
  readonly body: string;
}

function write(frame: Frame, body: string): string {
  return `${JSON.stringify({ ...frame, bytes: Buffer.byteLength(body) })}\n${body}`;
}

/** Undefined where there is none, or none that can be read. */
function readFrame(native: string): Read | undefined {
  const end = native.indexOf('\n');
  if (end < 0 || !BEGINS.test(native)) return undefined;
  try {
    const value: unknown = JSON.parse(native.slice(0, end));
    return isFrame(value) ? { frame: value, body: native.slice(end + 1) } : undefined;
  } catch {
    return undefined;
  }
}

function isTorn({ frame: { bytes }, body }: Read): boolean {
  return bytes !== undefined && Buffer.byteLength(body) < bytes;
}

function isFrame(value: unknown): value is Frame {
  if (!isRecord(value) || value['hikyaku'] !== 1) return false;
  const { id, key, headers, bytes } = value;
  return (
    isTextOrNone(id) &&
    isTextOrNone(key) &&
    (bytes === undefined || typeof bytes === 'number') &&
    (headers === undefined || (isRecord(headers) && Object.values(headers).every(isText)))
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isTextOrNone = (value: unknown): value is string | undefined => value === undefined || isText(value);

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
