import { InvalidMessage } from '../message/envelope.ts';
import { type ErrorCode, TransportError } from '../transport/errors.ts';
import { BadRequest } from './http-request.ts';

/** What a function URL or API Gateway answers with. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An error as an HTTP client sees it. */
export interface HttpError {
  readonly statusCode: number;
  readonly body: object;
}

/** A value as JSON. */
export function httpAnswer(statusCode: number, value: unknown): HttpAnswer {
  return { statusCode, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** An error as `{ error, … }` with its status; what the caller cannot help, only its log says in full. */
export function httpErrorAnswer(error: unknown, described = describe(error)): HttpAnswer {
  const { statusCode, body } = described;
  if (statusCode >= 500) {
    console.error(JSON.stringify({ level: 'error', event: 'request_failed', error: String(error) }));
  }
  return httpAnswer(statusCode, body);
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  Unavailable: 503,
  Throttled: 429,
  TooLarge: 413,
  Invalid: 400,
};

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
