import { refusedAnswer } from '../model-ready/refused-answer.ts';
import type { HttpAnswer, HttpError } from '../publish/http-answer.ts';
import { SecretUnavailable } from '../secrets/secrets.ts';

/** A request that is not taken here. The message may be told to whoever sent it. */
export class Refused extends Error {
  override readonly name = 'Refused';
  readonly status: 401 | 403 | 404 | 415;
  constructor(status: Refused['status'], message: string) {
    super(message);
    this.status = status;
  }
}

/** How an error is answered over HTTP; undefined for those that are not known. */
export type Describe = (error: unknown) => HttpError | undefined;

/** The answer to a request that failed, and an event. */
export function refusal(error: unknown, describe: Describe): HttpAnswer {
  return refusedAnswer(error, describeHere(error) ?? describe(error), false);
}

function describeHere(error: unknown): HttpError | undefined {
  if (error instanceof Refused) return { statusCode: error.status, body: { error: error.message } };
  if (error instanceof SecretUnavailable) return { statusCode: 503, body: { error: 'try again later' } };
  return undefined;
}

export function asResponse({ statusCode, headers, body }: HttpAnswer): Response {
  return new Response(body, { status: statusCode, headers });
}
