import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Received, startHttpServer } from '../../../test/support/http-server.ts';
import { awsCredentials, NoAwsCredentials } from './aws-credentials.ts';
import { createMlflowClient } from './mlflow-client.ts';
import { createRestRegistry } from './mlflow-rest.ts';

const RUN = '{"run":{"info":{"run_id":"r","status":"FINISHED"}}}';
const SECRET = 'a-secret-of-tests';

const TRACKING_SERVER = 'arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/models';
const APP = 'arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-app/app-ABC123';

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDTEST');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', SECRET);
  vi.stubEnv('AWS_SESSION_TOKEN', 'a-session');
  vi.stubEnv('AWS_PROFILE', undefined);
});
afterEach(() => vi.unstubAllEnvs());

const hash = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);

/** The authorization that this request must have, written down from AWS' description of SigV4. */
function expectedAuthorization({ method, url, headers, body }: Received, service: string, region: string) {
  const signed = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1] ?? '';
  const date = String(headers['x-amz-date']);
  const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`;
  // As it came over the wire, each part of the query decoded and encoded once.
  const query = url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => pair.split('=').map((part) => encoded(decodeURIComponent(part))))
    .map(([name, value = '']) => `${name}=${value}`)
    .sort();
  const canonical = [
    method,
    url.pathname.split('/').map(encoded).join('/'),
    query.join('&'),
    ...signed.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    signed,
    hash(body),
  ].join('\n');
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${SECRET}`, date.slice(0, 8)));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`).toString('hex');
  return `AWS4-HMAC-SHA256 Credential=AKIDTEST/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

describe.each([
  [TRACKING_SERVER, 'x-mlflow-sm-tracking-server-arn', 'sagemaker-mlflow', 'eu-west-1'],
  [APP, 'x-sm-mlflow-app-arn', 'sagemaker', 'us-gov-west-1'],
])('MLflow at %s', (arn, header, service, region) => {
  it('is asked with signed requests that name it', async () => {
    const server = await startHttpServer((_, response) => void response.end(RUN));
    const options = { url: arn, endpoint: server.url, workspace: 'team-a' };
    const registry = createRestRegistry(options);
    await registry.run('r');
    await expect(registry.modelVersion("Ümläut (a+b) & c's/*", '1')).rejects.toThrow('model_version');
    await expect(registry.loggedModel('m-1')).rejects.toThrow('model');
    await createMlflowClient(options).setVersionTag('m', '1', 'k', 'é');
    expect(server.requests).toHaveLength(4);
    for (const request of server.requests) {
      expect(request.headers[header]).toBe(arn);
      expect(request.headers['x-amz-content-sha256']).toBe(hash(request.body));
      expect(request.headers['x-amz-security-token']).toBe('a-session');
      expect(request.url.search).not.toContain('+');
      const { authorization = '' } = request.headers;
      expect(authorization).toBe(expectedAuthorization(request, service, region));
      const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';');
      expect(signed).toEqual(
        expect.arrayContaining(['host', header, 'x-amz-date', 'x-amz-security-token', 'x-mlflow-workspace']),
      );
    }
    expect(server.requests[1]?.url.searchParams.get('name')).toBe("Ümläut (a+b) & c's/*");
  });

  it('says what to check when it refuses', async () => {
    const server = await startHttpServer((_, response) => void response.writeHead(403).end('{}'));
    const asking = createRestRegistry({ url: arn, endpoint: server.url }).run('r');
    await expect(asking).rejects.toMatchObject({
      code: 'Denied',
      message: expect.stringContaining(`check that these AWS credentials may read ${arn}`),
    });
  });
});

it('without credentials nothing is asked, and it is said how to give some', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']) {
    vi.stubEnv(name, undefined);
  }
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nowhere');
  const server = await startHttpServer((_, response) => void response.end(RUN));
  await expect(
    createRestRegistry({ url: TRACKING_SERVER, endpoint: server.url }).run('r'),
  ).rejects.toMatchObject({
    code: 'Denied',
    message: 'there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  });
  expect(server.requests).toEqual([]);
});

describe('credentials', () => {
  it('are those of the environment', async () => {
    expect(await awsCredentials('eu-west-1')()).toEqual({
      accessKeyId: 'AKIDTEST',
      secretAccessKey: SECRET,
      sessionToken: 'a-session',
    });
  });

  it('are those of the profile where one is named', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-aws-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'credentials');
    writeFileSync(
      file,
      '[models]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = of-the-profile\n',
    );
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    vi.stubEnv('AWS_PROFILE', 'models');
    // The SDK warns that there are both.
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    onTestFinished(() => void vi.restoreAllMocks());
    const profile = { accessKeyId: 'AKIDPROFILE', secretAccessKey: 'of-the-profile' };
    const find = awsCredentials('eu-west-1');
    expect(await find()).toMatchObject(profile);
    expect(await find()).toMatchObject(profile);
    vi.stubEnv('AWS_PROFILE', 'other');
    await expect(awsCredentials('eu-west-1')()).rejects.toBeInstanceOf(NoAwsCredentials);
  });
});
