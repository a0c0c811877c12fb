import type { MiddlewareObj } from '@middy/core';
import { type HttpError, httpAnswer, httpErrorAnswer } from './http-answer.ts';
import { asHttpRequest, readJsonBody } from './http-request.ts';

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
      const http = asHttpRequest(request.event);
      if (http === undefined) return;
      overHttp.add(request.context);
      request.event = readJsonBody(http.body(options.maxBytes));
    },
    after(request) {
      if (overHttp.has(request.context)) request.response = httpAnswer(200, request.response);
    },
    onError(request) {
      if (!overHttp.has(request.context)) return;
      request.response = httpErrorAnswer(request.error, options.describe(request.error));
    },
  };
}
