import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { SecretUnavailable } from './secrets.ts';

/** For a request and those that repeat it. */
const TIMEOUT_MS = 5_000;

/**
 * The texts of a secret in AWS Secrets Manager: the current one, then the one before it, where there is one.
 *
 * @throws SecretUnavailable
 */
export async function fetchSecret(arn: string, region: string): Promise<string[]> {
  const client = new SecretsManagerClient({ region });
  const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
  const read = async (VersionStage: string): Promise<string> => {
    const answer = await client.send(new GetSecretValueCommand({ SecretId: arn, VersionStage }), {
      abortSignal,
    });
    return answer.SecretString ?? '';
  };
  try {
    return await Promise.all([read('AWSCURRENT'), read('AWSPREVIOUS').catch(noneBefore)]);
  } catch (cause) {
    const why = cause instanceof Error ? cause.name : String(cause);
    throw new SecretUnavailable(`Secrets Manager does not give out ${arn}: ${why}`, { cause });
  } finally {
    client.destroy();
  }
}

/** A secret that was never rotated has no version before. */
function noneBefore(error: unknown): string {
  if (error instanceof ResourceNotFoundException) return '';
  throw error;
}
