import { AwsV4Signer } from 'aws4fetch';
import type { AwsCredentials } from './aws-credentials.ts';

/** A request as it is signed. */
export interface UnsignedRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** Write blanks of the query as %20: SageMaker refuses a +. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** The headers of a request to a service of AWS, with the body's digest and the signature (SigV4). */
export async function signedHeaders(
  { method, url, headers, body }: UnsignedRequest,
  { service, region }: { readonly service: string; readonly region: string },
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
): Promise<Headers> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body ?? ''));
  const signer = new AwsV4Signer({
    method,
    url,
    headers: { ...headers, 'x-amz-content-sha256': Buffer.from(digest).toString('hex') },
    ...(body !== undefined && { body }),
    service,
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
  });
  return (await signer.sign()).headers;
}
