import { vi } from 'vitest';
import { startHttpServer } from './http-server.ts';

const ARN = 'arn:aws:secretsmanager:eu-west-1:000000000000:secret:of-a-test-AbCdEf';

/**
 * A server that answers signed requests for `GetSecretValue` as AWS Secrets Manager does, and that this process asks. It
 * holds the versions of one secret by their stage, and may be away.
 */
export async function startSecretsManager(versions: Readonly<Record<string, string>>) {
  const state = { versions, away: false };
  const server = await startHttpServer(({ headers, body }, response) => {
    const { SecretId, VersionStage } = JSON.parse(body);
    const answer = (status: number, value: object): void => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(value));
    };
    const text = SecretId === ARN ? state.versions[VersionStage] : undefined;
    const signed = headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=test/');
    if (!signed || !headers.authorization?.includes('/eu-west-1/secretsmanager/aws4_request'))
      answer(400, {});
    else if (headers['x-amz-target'] !== 'secretsmanager.GetSecretValue') answer(400, {});
    else if (state.away) answer(400, { __type: 'AccessDeniedException' });
    else if (text === undefined) answer(400, { __type: 'ResourceNotFoundException' });
    else answer(200, { ARN, SecretString: text, VersionStages: [VersionStage] });
  });
  vi.stubEnv('AWS_ENDPOINT_URL_SECRETS_MANAGER', server.url);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  return { arn: ARN, state, requests: server.requests };
}
