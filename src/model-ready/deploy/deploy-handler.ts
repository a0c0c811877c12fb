import type { Handler } from '../../consume/handler.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { secretsLater } from '../../secrets/secrets-later.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import { createDeployHandler, type Deployment, InvalidDeployOptions } from './deploy.ts';

/**
 * The deploy handler that the environment asks for. `DEPLOY_URL` names the platform, and `DEPLOY_SECRET` what its
 * requests are signed with, or `DEPLOY_SECRET_ARN` the secret in Secrets Manager that holds it. In Lambda each
 * deployment is a JSON line of the log; elsewhere, without a platform, it is a line of `deployments.ndjson` in
 * `HIKYAKU_DIR` (default `.hikyaku`).
 *
 * @throws InvalidDeployOptions
 */
export function deployHandlerFrom(environment: NodeJS.ProcessEnv): Handler<ModelReadyToDeploy> {
  const url = environment['DEPLOY_URL'] || undefined;
  const secret = secretFrom(environment);
  const folder = environment['HIKYAKU_DIR'] || '.hikyaku';
  const write = async (deployment: Deployment): Promise<void> => {
    if (url === undefined) await append(folder, deployment);
  };
  const record = environment['AWS_LAMBDA_FUNCTION_NAME'] ? log : write;
  try {
    return createDeployHandler({ url, secret, record });
  } catch (error) {
    if (!(error instanceof InvalidDeployOptions)) throw error;
    throw new InvalidDeployOptions(`${error.message} (DEPLOY_URL, DEPLOY_SECRET)`);
  }
}

export default deployHandlerFrom(process.env);

function secretFrom(environment: NodeJS.ProcessEnv): string | Secrets | undefined {
  const { DEPLOY_SECRET: secret, DEPLOY_SECRET_ARN: arn } = environment;
  if (!arn) return secret || undefined;
  if (secret) throw new InvalidDeployOptions('DEPLOY_SECRET and DEPLOY_SECRET_ARN are both set: set one');
  // Loaded at the first deployment, not when a Lambda function starts.
  return secretsLater({ DEPLOY_SECRET_ARN: arn }, 'DEPLOY_SECRET');
}

function log({ id, at, model: { model_name, model_version } }: Deployment): void {
  const line = { time: at, level: 'info', event: 'deployed', id, model_name, model_version };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

async function append(folder: string, deployment: Deployment): Promise<void> {
  // Not loaded in Lambda, which never comes here: together they take Node 2 ms.
  const [{ appendFile, mkdir }, { join }] = await Promise.all([
    import('node:fs/promises'),
    import('node:path'),
  ]);
  await mkdir(folder, { recursive: true });
  await appendFile(join(folder, 'deployments.ndjson'), `${JSON.stringify(deployment)}\n`, { flush: true });
}
