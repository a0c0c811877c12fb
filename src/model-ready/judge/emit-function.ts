import middy from '@middy/core';
import type { Config } from '../../config/define-config.ts';
import { inLambda } from '../../in-lambda.ts';
import { logEvents } from '../../observe/json-log.ts';
import { measured } from '../../observe/measured.ts';
import type { HttpError } from '../../publish/http-answer.ts';
import { httpEvent } from '../../publish/http-event.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { logModelEvents } from '../json-log.ts';
import { RegistryError } from '../registry/registry.ts';
import { AnnounceFailed } from './announce.ts';
import { createEmit, type Emit } from './emit.ts';
import { InvalidEvaluation } from './evaluation.ts';
import { minImprovementFrom } from './parse-min-improvement.ts';

/** Evaluations and MLflow answers are small; what is larger is something else. */
const MOST_BYTES = 1_048_576;

const STATUS: Readonly<Record<RegistryError['code'], number>> = {
  NotFound: 404,
  Unavailable: 503,
  Denied: 502,
  Invalid: 502,
};

/**
 * The function that judges and announces: invoked directly with a document, a list of them or
 * `{ documents: […] }`, or over HTTP with the same as body. Answers with an AnnounceReport. The carrier comes
 * from `TRANSPORT_URL`, the least improvement from `MIN_IMPROVEMENT` (`0.01` or `1%`), an MLflow server from
 * `MLFLOW_TRACKING_URI`; what announcements are signed with from `HIKYAKU_SIGNING_KEY`: see `signingKeysFrom`.
 */
export function emitFunction(config: Config) {
  if (inLambda()) {
    logEvents();
    logModelEvents();
  }
  const open = openOnce(() => openEmit(config));
  const announce = measured(async (payload: unknown) => {
    const emit = await open();
    const documents = isBatch(payload) ? payload.documents : [payload];
    return emit(documents.map((content, index) => ({ name: `documents[${index}]`, content })));
  });
  return middy(announce).use(httpEvent({ maxBytes: MOST_BYTES, describe }));
}

async function openEmit(config: Config): Promise<Emit> {
  const { transportUrl } = await import('../../transport/schemes.ts');
  const { openTransport } = await import('../../transport/url.ts');
  const minImprovement = minImprovementFrom(process.env);
  return createEmit(await openTransport(transportUrl(), config), {
    source: 'hikyaku/emit',
    signingKeys: signingKeysFrom(process.env),
    policies: config.policies,
    minImprovement,
  });
}

function isBatch(payload: unknown): payload is { documents: readonly unknown[] } {
  return (
    typeof payload === 'object' &&
    payload !== null &&
    'documents' in payload &&
    Array.isArray(payload.documents)
  );
}

function describe(error: unknown): HttpError | undefined {
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
