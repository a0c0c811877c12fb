import type { Handler } from '../consume/handler.ts';
import type { ModelReadyToDeploy } from './contract.ts';
import { createDeployHandler, type Deployment, InvalidDeployOptions } from './deploy.ts';

/**
 * The deploy handler that the environment asks for. `DEPLOY_URL` and `DEPLOY_SECRET` name the platform. In
 * Lambda each deployment is a JSON line of the log; elsewhere, without a platform, it is a line of
 * `deployments.ndjson` in `HIKYAKU_DIR` (default `.hikyaku`).
 *
 * @throws InvalidDeployOptions
 */
export function deployHandlerFrom(environment: NodeJS.ProcessEnv): Handler<ModelReadyToDeploy> {
  const url = environment['DEPLOY_URL'] || undefined;
  const secret = environment['DEPLOY_SECRET'] || undefined;
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
