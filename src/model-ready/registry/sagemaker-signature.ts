import { AwsV4Signer } from 'aws4fetch';
import type { AwsCredentials } from './aws-credentials.ts';
import type { SageMakerServer } from './tracking-uri.ts';

/** A request as it is signed. */
export interface UnsignedRequest {
  readonly method: 'GET' | 'POST';
  /** Blanks of its query are written as %20: SageMaker does not take + for one. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** The header that says which server is meant: all of a region have one host. */
const ARN_HEADER = {
  'mlflow-tracking-server': 'x-mlflow-sm-tracking-server-arn',
  'mlflow-app': 'x-sm-mlflow-app-arn',
} as const;

/** What each is called in a signature. */
const SERVICE = { 'mlflow-tracking-server': 'sagemaker-mlflow', 'mlflow-app': 'sagemaker' } as const;

/** The headers of a request to MLflow on SageMaker, its signature among them (SigV4). */
export async function signedHeaders(
  { resource, arn, region }: SageMakerServer,
  { method, url, headers, body }: UnsignedRequest,
  { accessKeyId, secretAccessKey, sessionToken }: AwsCredentials,
): Promise<Headers> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(body ?? ''));
  const signer = new AwsV4Signer({
    method,
    url,
    headers: {
      ...headers,
      [ARN_HEADER[resource]]: arn,
      'x-amz-content-sha256': Buffer.from(digest).toString('hex'),
    },
    ...(body !== undefined && { body }),
    service: SERVICE[resource],
    region,
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
  });
  return (await signer.sign()).headers;
}
