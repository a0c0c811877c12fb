import { TransportError } from '../../../transport/errors.ts';
import { type AwsCredentials, awsCredentials, NoAwsCredentials } from '../../registry/aws-credentials.ts';
import { signedHeaders } from '../../registry/aws-signature.ts';
import { boundedText } from '../../registry/bounded-text.ts';
import { s3Error, s3ErrorCode } from './s3-errors.ts';
import { type ClaimStore, claimKey, type Stored } from './store.ts';

export interface S3ClaimsOptions {
  readonly bucket: string;
  /** Before each key, without slashes around it; may be empty. */
  readonly prefix: string;
  readonly region: string;
  /** Where requests go instead of AWS: to an emulator. */
  readonly endpoint?: string | undefined;
  /** Default: those that AWS's own tools find. */
  readonly credentials?: () => Promise<AwsCredentials>;
  /** For each request. Default 5 s. */
  readonly timeoutMs?: number;
}

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A record with a few announcements is far below that. */
const MOST_BYTES = 16_777_216;
/** Somebody else has written meanwhile, or is writing at this moment. */
const LOST: ReadonlySet<number> = new Set([409, 412]);

/**
 * Keeps claims in S3, in an object for each model: `<prefix>/<model>.json`. The revision is the object's ETag, and S3
 * itself refuses a write on another one (`If-Match`, `If-None-Match`).
 */
export function createS3Claims(options: S3ClaimsOptions): ClaimStore {
  const { bucket, prefix, region, timeoutMs = 5_000 } = options;
  const base = baseUrl(options);
  const credentials = options.credentials ?? awsCredentials(region);
  const keyOf = (model: string): string => [...(prefix ? [prefix] : []), `${claimKey(model)}.json`].join('/');

  async function send(method: 'GET' | 'PUT', key: string, { headers = {}, body }: Sent = {}) {
    const url = `${base}/${encodeKey(key)}`;
    const request = { method, url, headers, body };
    const signed = await signedHeaders(request, { service: 's3', region }, await found(credentials));
    try {
      const response = await fetch(url, {
        method,
        headers: signed,
        ...(body !== undefined && { body }),
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { response, text: (await boundedText(response, MOST_BYTES)) ?? '' };
    } catch (cause) {
      throw new TransportError('Unavailable', `the bucket ${bucket} cannot be reached at ${base}`, { cause });
    }
  }

  return {
    async read(model): Promise<Stored | undefined> {
      const { response, text } = await send('GET', keyOf(model));
      const revision = response.headers.get('etag');
      if (response.status === 200 && revision !== null) return { text, revision };
      if (response.status === 404 && s3ErrorCode(text) === 'NoSuchKey') return undefined;
      throw s3Error(bucket, response.status, text);
    },
    async write(model, record, revision) {
      const condition: Record<string, string> =
        revision === undefined ? { 'if-none-match': '*' } : { 'if-match': revision };
      const { response, text } = await send('PUT', keyOf(model), {
        headers: { ...condition, 'content-type': 'application/json' },
        body: record,
      });
      if (response.status === 200) return true;
      if (LOST.has(response.status)) return false;
      // It was there when it was read, and has been removed.
      if (response.status === 404 && s3ErrorCode(text) === 'NoSuchKey') return false;
      throw s3Error(bucket, response.status, text);
    },
    close() {},
  };
}

/** The bucket's own host, unless its name has dots, which no certificate of AWS covers. */
function baseUrl({ bucket, region, endpoint }: S3ClaimsOptions): string {
  if (endpoint !== undefined) return `${endpoint.replace(/\/+$/, '')}/${bucket}`;
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return bucket.includes('.') ? `https://${host}/${bucket}` : `https://${bucket}.${host}`;
}

function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

async function found(credentials: () => Promise<AwsCredentials>): Promise<AwsCredentials> {
  try {
    return await credentials();
  } catch (cause) {
    if (!(cause instanceof NoAwsCredentials)) throw cause;
    throw new TransportError('Denied', cause.message, { cause });
  }
}
