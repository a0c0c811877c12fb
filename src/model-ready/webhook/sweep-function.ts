import type { Config } from '../../config/define-config.ts';
import { inLambda } from '../../in-lambda.ts';
import { logEvents } from '../../observe/json-log.ts';
import { measured } from '../../observe/measured.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { emitModelEvent } from '../events.ts';
import { logModelEvents } from '../json-log.ts';
import { modelToEvaluate } from '../to-evaluate.ts';

/** The answer of the function: how many versions it asked to be judged. */
export interface Swept {
  readonly requested: number;
}

/** Three times as long as it waits between its invocations: one that fails is made up for. */
const SINCE_MS = 3 * 3_600_000;

/**
 * The function that looks, each hour, for what the webhook may have missed; see `findUnjudged`. The carrier comes from
 * `TRANSPORT_URL`, the MLflow server from `MLFLOW_TRACKING_URI`.
 */
export function sweepFunction(config: Config): (event: unknown) => Promise<Swept> {
  if (inLambda()) {
    logEvents();
    logModelEvents();
  }
  const open = openOnce(async () => {
    const [{ transportUrl }, { openTransport }, { sweepFrom }] = await Promise.all([
      import('../../transport/schemes.ts'),
      import('../../transport/url.ts'),
      import('./sweep-from.ts'),
    ]);
    return {
      sweep: sweepFrom(process.env),
      publisher: createPublisher({
        transport: await openTransport(transportUrl(), config),
        source: 'hikyaku/sweep',
        signingKeys: signingKeysFrom(process.env),
      }),
    };
  });
  return measured(async () => {
    const { sweep, publisher } = await open();
    const requests = await sweep(Date.now() - SINCE_MS);
    for (const request of requests) {
      const { id } = await publisher.publish(modelToEvaluate, request);
      const { model_name, model_version } = request;
      emitModelEvent({ event: 'requested', id, model_name, model_version });
    }
    return { requested: requests.length };
  });
}
