import { AwsClient } from 'aws4fetch';
import { SecretUnavailable } from './secrets.ts';

/** For a request and those that repeat it. */
const TIMEOUT_MS = 5_000;
const RETRIES = 3;

/** Where a secret is kept. */
export interface SecretPlace {
  readonly arn: string;
  readonly region: string;
  /** China's regions have a domain of their own. */
  readonly partition: string;
}

/**
 * The texts of a secret in AWS Secrets Manager: the current one, then the one before it, where there is one. Asks
 * with the credentials in the environment, as Lambda gives them to a function, and not through the SDK: its client
 * is larger than all the rest of a function that drains Redis.
 *
 * @throws SecretUnavailable
 */
export async function fetchSecret(place: SecretPlace): Promise<string[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const client = createClient(place.region);
    return await Promise.all([
      read(client, place, 'AWSCURRENT', signal),
      // A secret that was never rotated has no version before.
      read(client, place, 'AWSPREVIOUS', signal).catch((error: unknown) => {
        if (error instanceof Refused && error.message === 'ResourceNotFoundException') return '';
        throw error;
      }),
    ]);
  } catch (cause) {
    const why =
      cause instanceof Refused ? cause.message : cause instanceof Error ? cause.name : String(cause);
    throw new SecretUnavailable(`Secrets Manager does not give out ${place.arn}: ${why}`, { cause });
  }
}

/** Its message is the type of error that Secrets Manager answered. */
class Refused extends Error {}

function createClient(region: string): AwsClient {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new Refused(
      'to ask for it takes AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, as in Lambda',
    );
  }
  return new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
    service: 'secretsmanager',
    region,
    retries: RETRIES,
  });
}

async function read(
  client: AwsClient,
  { arn, region, partition }: SecretPlace,
  VersionStage: string,
  signal: AbortSignal,
): Promise<string> {
  const domain = partition === 'aws-cn' ? 'amazonaws.com.cn' : 'amazonaws.com';
  const endpoint =
    process.env['AWS_ENDPOINT_URL_SECRETS_MANAGER'] ??
    process.env['AWS_ENDPOINT_URL'] ??
    `https://secretsmanager.${region}.${domain}`;
  const response = await client.fetch(new URL('/', endpoint), {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'secretsmanager.GetSecretValue',
    },
    body: JSON.stringify({ SecretId: arn, VersionStage }),
    signal,
  });
  const answer: unknown = await response.json();
  if (!response.ok)
    throw new Refused(field(answer, '__type').replace(/^.*#/, '') || `status ${response.status}`);
  return field(answer, 'SecretString');
}

function field(answer: unknown, name: string): string {
  const value: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, name) : undefined;
  return typeof value === 'string' ? value : '';
}
