import { fixedSecrets, type Secrets } from './secrets.ts';
import { InvalidSecretSource, secretsOfArn, words } from './secrets-of-arn.ts';

/**
 * The secrets that the environment names, undefined where it names none: in the variable `name` themselves,
 * newest first and separated by blanks, or in `<name>_ARN` the ARN of a secret in AWS Secrets Manager.
 *
 * @throws InvalidSecretSource when both are set, or the ARN is none.
 */
export function secretsFrom(environment: NodeJS.ProcessEnv, name: string): Secrets | undefined {
  const secrets = words(environment[name] ?? '');
  const variable = `${name}_ARN`;
  const arn = environment[variable] || undefined;
  if (arn === undefined) return secrets.length > 0 ? fixedSecrets(secrets) : undefined;
  if (secrets.length === 0) return secretsOfArn(variable, arn);
  throw new InvalidSecretSource(`${name} and ${variable} are both set: set one`);
}
