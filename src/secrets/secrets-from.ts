import { fixedSecrets, type Secrets } from './secrets.ts';
import { InvalidSecretSource, secretsOfArn, words } from './secrets-of-arn.ts';
import { secretsOfFile } from './secrets-of-file.ts';

/**
 * The secrets that the environment names, undefined where it names none: in the variable `name` themselves,
 * newest first and separated by blanks; in `<name>_FILE` the path of a file that holds the same; or in `<name>_ARN` the
 * ARN of a secret in AWS Secrets Manager.
 *
 * @throws InvalidSecretSource when more than one is set, or the ARN is none.
 */
export function secretsFrom(environment: NodeJS.ProcessEnv, name: string): Secrets | undefined {
  const [file, arn] = [`${name}_FILE`, `${name}_ARN`];
  const [source, ...more] = [name, file, arn].filter((one) => environment[one]?.trim());
  if (source === undefined) return undefined;
  if (more.length > 0) {
    throw new InvalidSecretSource(`${source} and ${more.join(' and ')} are set: set one of them`);
  }
  const value = environment[source]?.trim() ?? '';
  if (source === arn) return secretsOfArn(arn, value);
  return source === file ? secretsOfFile(file, value) : fixedSecrets(words(value));
}
