import type { Config } from '../../config/define-config.ts';
import type { Handler } from '../../consume/handler.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import { logModelEvents } from '../json-log.ts';
import { createDeployHandler, InvalidDeployOptions } from './deploy.ts';
import { deployOptionsFrom } from './deploy-options.ts';

/**
 * The deploy handler that the environment asks for. `DEPLOY_URL` names the platform, and `DEPLOY_SECRET` what its
 * requests are signed with, or `DEPLOY_SECRET_ARN` the secret in Secrets Manager that holds it. `DEPLOYED_URL` names the
 * place where models are claimed, and with `MLFLOW_TRACKING_URI` each is compared with the live champion too. In Lambda
 * each deployment is a JSON line of the log; elsewhere, without a platform, it is a line of `deployments.ndjson` in
 * `HIKYAKU_DIR` (default `.hikyaku`).
 *
 * @throws InvalidDeployOptions
 */
export function deployHandlerFrom(
  environment: NodeJS.ProcessEnv,
  config: Pick<Config, 'prefix' | 'policies'>,
): Handler<ModelReadyToDeploy> {
  const options = deployOptionsFrom(environment, config);
  if (environment['AWS_LAMBDA_FUNCTION_NAME']) logModelEvents();
  try {
    return createDeployHandler(options);
  } catch (error) {
    if (!(error instanceof InvalidDeployOptions)) throw error;
    throw new InvalidDeployOptions(`${error.message} (DEPLOY_URL, DEPLOY_SECRET)`);
  }
}
