import { SecretValue } from 'aws-cdk-lib';
import { DEPLOY, EMIT } from './bundles/functions.ts';
import { InvalidContext } from './invalid-context.ts';

/** What each function finds in its environment besides `TRANSPORT_URL`, by the function's name. */
export type Environments = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Reads what the functions are told from the context: `deployUrl` and `deploySecret`, the name of a secret in
 * Secrets Manager that holds what deployments are signed with; `mlflowTrackingUri`; `minImprovement`.
 * CloudFormation looks the secret up, so that no template holds it. Throws {@link InvalidContext}.
 */
export function readEnvironments(context: (key: string) => unknown): Environments {
  const text = (key: string): string | undefined => {
    const value = context(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value !== '') return value;
    throw new InvalidContext(`${key} is ${JSON.stringify(value)}: expected a text, as in -c ${key}=…`);
  };
  const deployUrl = text('deployUrl');
  const deploySecret = text('deploySecret');
  if ((deployUrl === undefined) !== (deploySecret === undefined)) {
    throw new InvalidContext('deployUrl and deploySecret go together: give both, or neither');
  }
  return {
    [DEPLOY]: present({
      DEPLOY_URL: deployUrl,
      DEPLOY_SECRET: deploySecret && SecretValue.secretsManager(deploySecret).unsafeUnwrap(),
    }),
    [EMIT.name]: present({
      MLFLOW_TRACKING_URI: text('mlflowTrackingUri'),
      MIN_IMPROVEMENT: text('minImprovement'),
    }),
  };
}

function present(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
