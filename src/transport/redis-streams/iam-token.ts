import { createHash, createHmac } from 'node:crypto';
import { TransportError } from '../errors.ts';

/** A cache of ElastiCache as IAM knows it. */
export interface IamCache {
  readonly kind: 'replicationgroup' | 'serverlesscache';
  readonly name: string;
}

/** ElastiCache takes a token that is no older, in seconds; the connection lives longer. */
const LONGEST_TOKEN = 900;

/**
 * The password of a user of ElastiCache that is known by IAM: a request to connect, signed with the credentials of
 * the environment, as Lambda gives them to a function.
 *
 * @throws TransportError `Denied` when there are none.
 */
export function iamToken(
  cache: IamCache,
  user: string,
  environment: NodeJS.ProcessEnv = process.env,
  now = new Date(),
): string {
  const {
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_SESSION_TOKEN: session,
    AWS_REGION: region,
  } = environment;
  if (!id || !secret || !region) {
    throw new TransportError('Denied', 'IAM takes AWS_REGION and credentials in the environment');
  }
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const scope = [time.slice(0, 8), region, 'elasticache', 'aws4_request'];
  const query = Object.entries({
    Action: 'connect',
    ...(cache.kind === 'serverlesscache' && { ResourceType: 'ServerlessCache' }),
    User: user,
    'X-Amz-Algorithm': ALGORITHM,
    'X-Amz-Credential': [id, ...scope].join('/'),
    'X-Amz-Date': time,
    'X-Amz-Expires': String(LONGEST_TOKEN),
    ...(session && { 'X-Amz-Security-Token': session }),
    'X-Amz-SignedHeaders': 'host',
  })
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  const request = ['GET', '/', query, `host:${cache.name}`, '', 'host', sha256('')].join('\n');
  const key = scope.reduce<string | Buffer>((last, part) => hmac(last, part).digest(), `AWS4${secret}`);
  const signed = hmac(key, [ALGORITHM, time, scope.join('/'), sha256(request)].join('\n')).digest('hex');
  return `${cache.name}/?${query}&X-Amz-Signature=${signed}`;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
