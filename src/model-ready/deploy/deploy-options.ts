import type { Config } from '../../config/define-config.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { secretsLater } from '../../secrets/secrets-later.ts';
import { openOnce } from '../../transport/open-once.ts';
import { checkClaimsUrl } from './claims/check-claims-url.ts';
import { type DeployOptions, InvalidDeployOptions } from './deploy.ts';
import type { Deployment } from './deploy-model.ts';

/**
 * Reads how models are deployed from the environment.
 *
 * @throws InvalidDeployOptions
 */
export function deployOptionsFrom(
  environment: NodeJS.ProcessEnv,
  config: Pick<Config, 'prefix' | 'policies'>,
): DeployOptions {
  const url = environment['DEPLOY_URL'] || undefined;
  const folder = environment['HIKYAKU_DIR'] || '.hikyaku';
  checkClaimsUrl(environment);
  const isWritten = url === undefined && !environment['AWS_LAMBDA_FUNCTION_NAME'];
  return {
    url,
    secret: secretFrom(environment),
    // Opened with the first message: a worker starts also while Redis or S3 is away.
    openDoor: openOnce(async () => (await import('./open-door.ts')).openDoor(environment, config)),
    record: isWritten ? (deployment) => append(folder, deployment) : () => {},
  };
}

function secretFrom(environment: NodeJS.ProcessEnv): string | Secrets | undefined {
  const { DEPLOY_SECRET: secret, DEPLOY_SECRET_ARN: arn } = environment;
  if (!arn) return secret || undefined;
  if (secret) throw new InvalidDeployOptions('DEPLOY_SECRET and DEPLOY_SECRET_ARN are both set: set one');
  // Loaded at the first deployment, not when a Lambda function starts.
  return secretsLater({ DEPLOY_SECRET_ARN: arn }, 'DEPLOY_SECRET');
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
