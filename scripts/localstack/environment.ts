/** Where LocalStack listens unless it is told otherwise. */
export const LOCALSTACK = 'http://localhost:4566';

/** What programs find in their environment to use LocalStack instead of AWS. */
export interface LocalstackEnvironment extends Readonly<Record<string, string>> {
  readonly AWS_ENDPOINT_URL: string;
  readonly AWS_ENDPOINT_URL_S3: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
  readonly AWS_REGION: string;
}

/**
 * What SDKs, the CDK and this system's own programs find in their environment to use LocalStack instead of AWS.
 * Credentials for AWS are not among it.
 */
export function localstackEnvironment(endpoint: string): LocalstackEnvironment {
  const { AWS_REGION, AWS_PROFILE: _, AWS_SESSION_TOKEN: __, ...others } = process.env;
  const s3 = new URL(endpoint);
  // A bucket's name would become part of the host's, and not every machine resolves names below localhost.
  if (s3.hostname === 'localhost') s3.hostname = '127.0.0.1';
  return {
    ...Object.fromEntries(Object.entries(others).map(([name, value = '']) => [name, value])),
    AWS_ENDPOINT_URL: endpoint,
    AWS_ENDPOINT_URL_S3: s3.origin,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: AWS_REGION || 'us-east-1',
  };
}
