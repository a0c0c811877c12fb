import { fetchedSecrets, type Secrets, SecretUnavailable } from './secrets.ts';

/** Which secret to use is said in a way that cannot work. */
export class InvalidSecretSource extends Error {
  override readonly name = 'InvalidSecretSource';
}

/**
 * The words of a secret in AWS Secrets Manager, the current one's first, fetched when they are first needed.
 *
 * @param variable Where the ARN stood, for errors.
 * @throws InvalidSecretSource
 */
export function secretsOfArn(variable: string, arn: string): Secrets {
  const [, partition, region] = ARN.exec(arn) ?? [];
  if (partition === undefined || region === undefined) {
    throw new InvalidSecretSource(`${variable} is not an ARN of a secret: expected arn:aws:secretsmanager:…`);
  }
  return fetchedSecrets(async () => {
    const { fetchSecret } = await import('./secrets-manager.ts');
    const fetched = new Set((await fetchSecret({ arn, region, partition })).flatMap(words));
    if (fetched.size > 0) return [...fetched];
    throw new SecretUnavailable(`the secret of ${variable} holds no text`);
  });
}

const ARN = /^arn:(aws[a-z-]*):secretsmanager:([a-z0-9-]+):\d{12}:secret:[^:\s]+$/;

/** What stands between blanks: a secret has none, and there may be several. */
export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
