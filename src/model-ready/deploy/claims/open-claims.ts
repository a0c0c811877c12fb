import { InvalidTransportUrl, parseTransportUrl } from '../../../transport/schemes.ts';
import { InvalidDeployOptions } from '../deploy.ts';
import { checkClaimsUrl } from './check-claims-url.ts';
import type { ClaimStore } from './store.ts';

/** Loads what a store runs on, and opens it. */
type OpenClaims = () => Promise<ClaimStore>;

/**
 * Opens the store that the environment asks for, where it is kept what was deployed last. `DEPLOYED_URL` names it. Default: the
 * Redis that carries the messages; beside the queues of files; memory with messages in memory; else, outside Lambda, a
 * folder in `HIKYAKU_DIR`.
 *
 * @param prefix Of the installation, where the URL names none.
 * @throws InvalidDeployOptions
 */
export async function openClaims(environment: NodeJS.ProcessEnv, prefix: string): Promise<ClaimStore> {
  const { DEPLOYED_URL: url } = environment;
  checkClaimsUrl(environment);
  try {
    const open = url ? claimsOfUrl(url, environment, prefix) : usualClaims(environment, prefix);
    return await open();
  } catch (error) {
    if (!(error instanceof InvalidTransportUrl)) throw error;
    throw new InvalidDeployOptions(`${url ? 'DEPLOYED_URL' : 'TRANSPORT_URL'}: ${error.message}`);
  }
}

function usualClaims(environment: NodeJS.ProcessEnv, prefix: string): OpenClaims {
  const { TRANSPORT_URL: text } = environment;
  const carrier = text ? parseTransportUrl(text) : undefined;
  if (carrier && isRedis(carrier.url.protocol)) return redisClaims(carrier.url, prefix);
  if (carrier?.scheme === 'file') return claimsBesideQueues(carrier.url);
  if (carrier?.scheme === 'memory') return memoryClaims;
  return async () => {
    const [{ createFileClaims }, { resolve }] = await Promise.all([
      import('./files.ts'),
      import('node:path'),
    ]);
    return createFileClaims(resolve(environment['HIKYAKU_DIR'] || '.hikyaku', 'deployed'));
  };
}

function claimsOfUrl(text: string, environment: NodeJS.ProcessEnv, prefix: string): OpenClaims {
  if (isRedis(text)) return redisClaims(parseTransportUrl(text).url, prefix);
  const url = URL.parse(text);
  if (url?.protocol === 'memory:') return memoryClaims;
  if (url?.protocol === 'file:') return fileClaims(url);
  if (url?.protocol === 's3:') return s3Claims(url, environment);
  throw new InvalidDeployOptions('DEPLOYED_URL is not a URL: expected one such as s3://bucket/prefix');
}

function isRedis(text: string): boolean {
  return /^rediss?(?:\+list)?:/.test(text);
}

const memoryClaims: OpenClaims = async () => (await import('./memory.ts')).createMemoryClaims();

function redisClaims(url: URL, prefix: string): OpenClaims {
  return async () => {
    const [{ createRedisClaims }, { serverOptions }] = await Promise.all([
      import('./redis.ts'),
      import('../../../transport/open-redis.ts'),
    ]);
    return createRedisClaims({ ...serverOptions(url), prefix: url.searchParams.get('prefix') ?? prefix });
  };
}

/** No queue's folder begins with a dot. */
function claimsBesideQueues(url: URL): OpenClaims {
  return folderClaims(url, url.searchParams.get('prefix') ?? '', '.deployed');
}

function fileClaims(url: URL): OpenClaims {
  if (url.host !== '' || url.pathname === '/' || url.search !== '' || url.hash !== '') {
    throw new InvalidDeployOptions(
      'DEPLOYED_URL is not the absolute path of a folder: expected file:///var/deployed',
    );
  }
  return folderClaims(url);
}

/** In a folder below that of a `file:` URL. */
function folderClaims(url: URL, ...below: readonly string[]): OpenClaims {
  return async () => {
    const [{ createFileClaims }, { join }, { fileURLToPath }] = await Promise.all([
      import('./files.ts'),
      import('node:path'),
      import('node:url'),
    ]);
    return createFileClaims(join(fileURLToPath(url), ...below));
  };
}

function s3Claims(url: URL, environment: NodeJS.ProcessEnv): OpenClaims {
  const { hostname: bucket, searchParams: query } = url;
  const others = [...query.keys()].filter((key) => key !== 'region');
  const isPlace = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && /^[\w/.-]*$/.test(url.pathname);
  if (!isPlace || url.host !== bucket || others.length > 0) {
    throw new InvalidDeployOptions(
      'DEPLOYED_URL does not name a bucket: expected s3://bucket/prefix, with ?region=… if it is in another region',
    );
  }
  const region = query.get('region') || environment['AWS_REGION'] || environment['AWS_DEFAULT_REGION'];
  if (!region) {
    throw new InvalidDeployOptions(
      'DEPLOYED_URL does not say in which region its bucket is: set AWS_REGION, or append ?region=eu-west-1',
    );
  }
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '');
  // The variables that the tools of AWS know.
  const endpoint = environment['AWS_ENDPOINT_URL_S3'] || environment['AWS_ENDPOINT_URL'] || undefined;
  return async () => {
    const [{ createS3Claims }, { awsCredentials }] = await Promise.all([
      import('./s3.ts'),
      import('../../registry/aws-credentials.ts'),
    ]);
    return createS3Claims({
      bucket,
      prefix,
      region,
      endpoint,
      credentials: awsCredentials(region, environment),
    });
  };
}
