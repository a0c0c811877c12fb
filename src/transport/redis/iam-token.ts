import { AwsV4Signer } from 'aws4fetch';
import { TransportError } from '../errors.ts';

/** A cache of ElastiCache as IAM knows it. */
export interface IamCache {
  readonly kind: 'replicationgroup' | 'serverlesscache';
  readonly name: string;
}

/** ElastiCache takes a token that is no older, in seconds; the connection lives longer. */
const LONGEST_TOKEN = '900';

/**
 * The password of a user of ElastiCache that is known by IAM: a request to connect, signed with the credentials of
 * the environment, as Lambda gives them to a function. Rejects with a TransportError, `Denied`, when there are none.
 */
export async function iamToken(
  { kind, name }: IamCache,
  user: string,
  environment: NodeJS.ProcessEnv = process.env,
  now = new Date(),
): Promise<string> {
  const {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_SESSION_TOKEN: sessionToken,
    AWS_REGION: region,
  } = environment;
  if (!accessKeyId || !secretAccessKey || !region) {
    throw new TransportError('Denied', 'IAM takes AWS_REGION and credentials in the environment');
  }
  const request = new URLSearchParams({
    Action: 'connect',
    ...(kind === 'serverlesscache' && { ResourceType: 'ServerlessCache' }),
    User: user,
    'X-Amz-Expires': LONGEST_TOKEN,
  });
  const { url } = await new AwsV4Signer({
    url: `http://${name}/?${request}`,
    signQuery: true,
    service: 'elasticache',
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken && { sessionToken }),
    datetime: now.toISOString().replaceAll(/[-:]|\.\d+/g, ''),
  }).sign();
  return url.href.slice('http://'.length);
}
