import type { AwsCredentials } from './aws-credentials.ts';
import { signedHeaders, type UnsignedRequest } from './aws-signature.ts';
import type { SageMakerServer } from './tracking-uri.ts';

/** The header that says which server is meant: all of a region have one host. */
const ARN_HEADER = {
  'mlflow-tracking-server': 'x-mlflow-sm-tracking-server-arn',
  'mlflow-app': 'x-sm-mlflow-app-arn',
} as const;

/** What each is called in a signature. */
const SERVICE = { 'mlflow-tracking-server': 'sagemaker-mlflow', 'mlflow-app': 'sagemaker' } as const;

/** The headers of a request to MLflow on SageMaker, its signature among them. */
export function sagemakerHeaders(
  { resource, arn, region }: SageMakerServer,
  request: UnsignedRequest,
  credentials: AwsCredentials,
): Promise<Headers> {
  const headers = { ...request.headers, [ARN_HEADER[resource]]: arn };
  return signedHeaders({ ...request, headers }, { service: SERVICE[resource], region }, credentials);
}
