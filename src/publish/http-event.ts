import type { MiddlewareObj } from '@middy/core';
import { InvalidMessage } from '../message/envelope.ts';
import { parseJson } from '../message/json.ts';
import { type ErrorCode, TransportError } from '../transport/errors.ts';

/** What a function URL or API Gateway answers with. */
interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A body that cannot be used. */
class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly statusCode: number;
  constructor(message: string, statusCode = 400) {
    super(message);
    this.statusCode = statusCode;
  }
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  Unavailable: 503,
  Throttled: 429,
  TooLarge: 413,
  Invalid: 400,
};

/** An error as an HTTP client sees it. */
export interface HttpError {
  readonly statusCode: number;
  readonly body: object;
}

/**
 * Middleware that lets one function be invoked directly and over HTTP: the body's JSON becomes the event, the
 * result becomes the answer, and an error a status with `{ error, … }`. A direct invocation passes through
 * untouched, errors included.
 */
export function httpEvent(options: {
  readonly maxBytes: number;
  /** How an error of the function's own is answered; undefined for those it does not know. */
  readonly describe: (error: unknown) => HttpError | undefined;
}): MiddlewareObj {
  const overHttp = new WeakSet<object>();
  return {
    before(request) {
      const http = asHttp(request.event);
      if (http === undefined) return;
      overHttp.add(request.context);
      request.event = readBody(http, options.maxBytes);
    },
    after(request) {
      if (overHttp.has(request.context)) request.response = answer(200, request.response);
    },
    onError(request) {
      if (!overHttp.has(request.context)) return;
      const { statusCode, body } = options.describe(request.error) ?? describe(request.error);
      request.response = answer(statusCode, body);
      if (statusCode >= 500) {
        console.error(
          JSON.stringify({ level: 'error', event: 'request_failed', error: String(request.error) }),
        );
      }
    },
  };
}

interface Http {
  readonly body: string;
  readonly base64: boolean;
}

/** Payload format 2.0: function URLs and API Gateway's HTTP APIs. */
function asHttp(event: unknown): Http | undefined {
  if (typeof event !== 'object' || event === null || !('requestContext' in event)) return undefined;
  const { requestContext } = event;
  if (typeof requestContext !== 'object' || requestContext === null || !('http' in requestContext))
    return undefined;
  const body = 'body' in event && typeof event.body === 'string' ? event.body : '';
  return { body, base64: 'isBase64Encoded' in event && event.isBase64Encoded === true };
}

function readBody({ body, base64 }: Http, maxBytes: number): unknown {
  const text = base64 ? Buffer.from(body, 'base64').toString('utf8') : body;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes)
    throw new BadRequest(`the body has ${bytes} bytes: at most ${maxBytes} are taken`, 413);
  try {
    return parseJson(text);
  } catch {
    throw new BadRequest('the body is not JSON that can be used');
  }
}

function describe(error: unknown): HttpError {
  if (error instanceof BadRequest) return { statusCode: error.statusCode, body: { error: error.message } };
  if (error instanceof InvalidMessage) {
    return { statusCode: 400, body: { error: error.message, issues: error.issues } };
  }
  const statusCode = error instanceof TransportError ? (STATUS[error.code] ?? 500) : 500;
  // What is not the caller's to know stays in the log.
  const message =
    statusCode < 500 && error instanceof Error ? error.message : 'the courier failed: try again later';
  return { statusCode, body: { error: message } };
}

function answer(statusCode: number, value: unknown): HttpAnswer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}
