import middy from '@middy/core';
import type { Config } from '../../config/define-config.ts';
import { inLambda } from '../../in-lambda.ts';
import { logEvents } from '../../observe/json-log.ts';
import { measured } from '../../observe/measured.ts';
import { httpEvent } from '../../publish/http-event.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { logModelEvents } from '../json-log.ts';
import { createEmit, type Emit } from './emit.ts';
import { describeEmitError, documentsIn, MOST_DOCUMENT_BYTES } from './emit-http.ts';
import { minImprovementFrom } from './parse-min-improvement.ts';

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
    return emit(documentsIn(payload));
  });
  return middy(announce).use(httpEvent({ maxBytes: MOST_DOCUMENT_BYTES, describe: describeEmitError }));
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
