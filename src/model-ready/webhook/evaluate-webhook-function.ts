import type { Config } from '../../config/define-config.ts';
import { inLambda } from '../../in-lambda.ts';
import { logEvents } from '../../observe/json-log.ts';
import { measured } from '../../observe/measured.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { secretsFrom } from '../../secrets/secrets-from.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { logModelEvents } from '../json-log.ts';
import { modelToEvaluate } from '../to-evaluate.ts';
import { createEvaluateWebhook } from './evaluate-webhook.ts';

/**
 * The function that registries call when a model may be ready to be judged; see {@link createEvaluateWebhook}.
 * The carrier comes from `TRANSPORT_URL`, what MLflow signs with from `MLFLOW_WEBHOOK_SECRET`, the file that
 * `MLFLOW_WEBHOOK_SECRET_FILE` names, or the secret in Secrets Manager whose ARN is `MLFLOW_WEBHOOK_SECRET_ARN`.
 *
 * @throws InvalidSecretSource
 */
export function evaluateWebhookFunction(config: Config): ReturnType<typeof createEvaluateWebhook> {
  if (inLambda()) {
    logEvents();
    logModelEvents();
  }
  const publisher = openOnce(async () => {
    const { transportUrl } = await import('../../transport/schemes.ts');
    const { openTransport } = await import('../../transport/url.ts');
    return createPublisher({
      transport: await openTransport(transportUrl(), config),
      source: 'hikyaku/evaluate-webhook',
      // Before the function's own time is up: MLflow tries again what it is told has failed, and forgets what ends without an answer.
      giveUpAfterMs: 10_000,
      signingKeys: signingKeysFrom(process.env),
    });
  });
  const webhook = createEvaluateWebhook({
    secrets: secretsFrom(process.env, 'MLFLOW_WEBHOOK_SECRET'),
    publish: async (data) => (await publisher()).publish(modelToEvaluate, data),
  });
  return measured(webhook);
}
