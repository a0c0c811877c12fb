import type { HttpError } from '../../publish/http-answer.ts';
import { RegistryError } from '../registry/registry.ts';
import { AnnounceFailed } from './announce.ts';
import { InvalidEvaluation } from './evaluation.ts';
import type { Document } from './inputs.ts';

/** Evaluations and MLflow answers are small; a longer body is something else. */
export const MOST_DOCUMENT_BYTES = 1_048_576;

/** What a payload asks to be judged: one document, a list of them, or `{ documents: […] }`. */
export function documentsIn(payload: unknown): Document[] {
  const documents = isBatch(payload) ? payload.documents : [payload];
  return documents.map((content, index) => ({ name: `documents[${index}]`, content }));
}

function isBatch(payload: unknown): payload is { documents: readonly unknown[] } {
  return (
    typeof payload === 'object' &&
    payload !== null &&
    'documents' in payload &&
    Array.isArray(payload.documents)
  );
}

const STATUS: Readonly<Record<RegistryError['code'], number>> = {
  NotFound: 404,
  Unavailable: 503,
  Denied: 502,
  Invalid: 502,
};

/** How an error of announcing is answered over HTTP; undefined for any other. */
export function describeEmitError(error: unknown): HttpError | undefined {
  if (error instanceof InvalidEvaluation) {
    return { statusCode: 400, body: { error: error.message, issues: error.issues } };
  }
  if (error instanceof RegistryError)
    return { statusCode: STATUS[error.code], body: { error: error.message } };
  // Part of it may have been announced: the report says which. All of it may be sent again, ids stay the same.
  if (error instanceof AnnounceFailed)
    return { statusCode: 503, body: { error: error.message, ...error.report } };
  return undefined;
}
