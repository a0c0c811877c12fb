import type { Config } from '../../config/define-config.ts';
import type { Handler } from '../../consume/handler.ts';
import { inLambda } from '../../in-lambda.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { logModelEvents } from '../json-log.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { minImprovementFrom } from './parse-min-improvement.ts';

/**
 * The handler that the environment asks for: announces on the carrier of `TRANSPORT_URL`, by the policies of the config
 * and the least improvement of `MIN_IMPROVEMENT`, asks the MLflow server of `MLFLOW_TRACKING_URI`, and writes verdicts
 * back where `MLFLOW_WRITE_BACK` is `true`. In Lambda what happens to models is logged.
 *
 * @throws InvalidMinImprovement
 */
export function evaluateHandlerFrom(
  environment: NodeJS.ProcessEnv,
  config: Config,
): Handler<ModelToEvaluate> {
  if (inLambda()) logModelEvents();
  const minImprovement = minImprovementFrom(environment);
  // Loaded when the first model passes.
  const publisher = openOnce(async () => {
    const [{ transportUrl }, { openTransport }, { createPublisher }] = await Promise.all([
      import('../../transport/schemes.ts'),
      import('../../transport/url.ts'),
      import('../../publish/publisher.ts'),
    ]);
    return createPublisher({
      transport: await openTransport(transportUrl(environment), config),
      source: 'hikyaku/evaluate-model',
      signingKeys: signingKeysFrom(environment),
    });
  });
  // Loaded when the first model of MLflow is to be judged.
  const registries = openOnce(async () => {
    const { registriesFromEnvironment } = await import('../registry/mlflow-rest.ts');
    return registriesFromEnvironment(environment);
  });
  const openRegistry = async (workspace?: string) => (await registries())(workspace);
  // Loaded with the first message, not when a Lambda function starts.
  const handler = openOnce(async () => {
    const [{ createEvaluateHandler }, { writeBackFrom }] = await Promise.all([
      import('./evaluate-handler.ts'),
      import('./write-back.ts'),
    ]);
    return createEvaluateHandler({
      openRegistry,
      policies: config.policies,
      minImprovement,
      onVerdict: (workspace) => writeBackFrom(environment, () => openRegistry(workspace)),
      publish: async (data, correlationId) =>
        (await publisher()).publish(modelReadyToDeploy, data, { correlationId }),
    });
  });
  return async (message, context) => (await handler())(message, context);
}
