import type { Config } from '../../config/define-config.ts';
import type { Handler } from '../../consume/handler.ts';
import { inLambda } from '../../in-lambda.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { logModelEvents } from '../json-log.ts';
import { registriesFromEnvironment } from '../registry/mlflow-rest.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { createEvaluateHandler } from './evaluate-handler.ts';
import { minImprovementFrom } from './parse-min-improvement.ts';
import { writeBackFrom } from './write-back.ts';

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
  const openRegistry = registriesFromEnvironment(environment);
  return createEvaluateHandler({
    openRegistry,
    policies: config.policies,
    minImprovement: minImprovementFrom(environment),
    onVerdict: (workspace) => writeBackFrom(environment, () => openRegistry(workspace)),
    publish: async (data, correlationId) =>
      (await publisher()).publish(modelReadyToDeploy, data, { correlationId }),
  });
}
