import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { expect, onTestFinished, test, vi } from 'vitest';
import { CANARY_WEBHOOK_SECRET } from '../../../test/support/canary.ts';
import { startHttpServer } from '../../../test/support/http-server.ts';
import { evidence } from '../../../test/support/model-examples.ts';
import { startSecretsManager } from '../../../test/support/secrets-manager.ts';
import type { HandlerContext } from '../../consume/handler.ts';
import { wrap } from '../../message/envelope.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { judge } from '../judge/gate.ts';
import { InvalidDeployOptions } from './deploy.ts';
import { deployHandlerFrom as handlerFrom } from './deploy-handler.ts';

const SECRET = CANARY_WEBHOOK_SECRET;
const context: HandlerContext = {
  attempt: 1,
  signal: new AbortController().signal,
  extendLease: async () => true,
};

/** With claims in memory, unless the environment says where. */
function deployHandlerFrom(environment: NodeJS.ProcessEnv) {
  return handlerFrom({ DEPLOYED_URL: 'memory:', ...environment }, { prefix: 'hikyaku' });
}

/** The higher its version, the better it is. */
function announcement(model_version: string) {
  const judged = judge(evidence({ model_version, current_value: 0.64 + Number(model_version) / 1_000 }));
  if (judged.verdict === 'reject') throw new Error(judged.reason);
  return wrap(modelReadyToDeploy, judged.message, {});
}

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-deploy-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

async function answering200(): Promise<string> {
  const server = await startHttpServer((_, response) => {
    response.end();
  });
  return server.url;
}

test('without a platform, deployments are lines of a file', async () => {
  const folder = join(await temporaryFolder(), 'made', 'when needed');
  const handler = deployHandlerFrom({ HIKYAKU_DIR: folder, DEPLOY_URL: '' });
  const messages = [announcement('7'), announcement('8')];
  for (const message of messages) await handler(message, context);
  const lines = (await readFile(join(folder, 'deployments.ndjson'), 'utf8')).split('\n');
  expect(lines.pop()).toBe('');
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    messages.map(({ id, data }) => ({ id, at: expect.any(String), model: data })),
  );
});

test('with a platform, nothing is written here', async () => {
  const folder = await temporaryFolder();
  const url = await answering200();
  await deployHandlerFrom({ HIKYAKU_DIR: folder, DEPLOY_URL: url, DEPLOY_SECRET: SECRET })(
    announcement('7'),
    context,
  );
  await expect(readFile(join(folder, 'deployments.ndjson'))).rejects.toThrow('ENOENT');
});

test('a platform without a secret is refused when the function loads', () => {
  expect(() => deployHandlerFrom({ DEPLOY_URL: 'https://example.com', DEPLOY_SECRET: '' })).toThrow(
    InvalidDeployOptions,
  );
  expect(() => deployHandlerFrom({ DEPLOY_URL: 'platform' })).toThrow(
    'the deploy URL is not a URL: expected https://… (DEPLOY_URL, DEPLOY_SECRET)',
  );
});

test('the secret comes from Secrets Manager at the first deployment, once', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const { arn, requests } = await startSecretsManager({ AWSCURRENT: SECRET });
  const platform = await startHttpServer((_, response) => {
    response.end();
  });
  const handler = deployHandlerFrom({ DEPLOY_URL: platform.url, DEPLOY_SECRET_ARN: arn });
  expect(requests).toEqual([]);
  await handler(announcement('7'), context);
  await handler(announcement('8'), context);
  expect(requests.map(({ body }) => JSON.parse(body).VersionStage).toSorted()).toEqual([
    'AWSCURRENT',
    'AWSPREVIOUS',
  ]);
  for (const { headers, body } of platform.requests) {
    expect(() =>
      new Webhook(SECRET).verify(body, {
        'webhook-id': String(headers['webhook-id']),
        'webhook-timestamp': String(headers['webhook-timestamp']),
        'webhook-signature': String(headers['webhook-signature']),
      }),
    ).not.toThrow();
  }
});

test('a secret is said in one way', () => {
  const both = { DEPLOY_URL: 'https://example.com', DEPLOY_SECRET: SECRET, DEPLOY_SECRET_ARN: 'arn:aws:…' };
  expect(() => deployHandlerFrom(both)).toThrow(InvalidDeployOptions);
});

test('in Lambda a deployment is a line of the log, without the data, and no file', async () => {
  const folder = await temporaryFolder();
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  onTestFinished(() => write.mockRestore());
  const message = announcement('7');
  const handler = deployHandlerFrom({ AWS_LAMBDA_FUNCTION_NAME: 'deploy', HIKYAKU_DIR: folder });
  await handler(message, context);
  const lines = write.mock.calls.map(([line]) => JSON.parse(String(line)));
  expect(lines).toEqual([
    {
      time: expect.any(String),
      level: 'info',
      event: 'deployed',
      id: message.id,
      model_name: 'churn-predictor',
      model_version: '7',
    },
  ]);
  await expect(readFile(join(folder, 'deployments.ndjson'))).rejects.toThrow('ENOENT');
});
