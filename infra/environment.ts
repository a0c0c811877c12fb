import { InvalidConfig } from '../src/config/define-config.ts';
import { checkUrl, InvalidDeployOptions } from '../src/model-ready/deploy/deploy.ts';
import {
  InvalidMinImprovement,
  parseMinImprovement,
} from '../src/model-ready/judge/parse-min-improvement.ts';
import { RegistryError } from '../src/model-ready/registry/registry.ts';
import { parseTrackingUri } from '../src/model-ready/registry/tracking-uri.ts';
import { DEPLOY, EMIT, EVALUATE, EVALUATE_WEBHOOK, SWEEP } from './bundles/functions.ts';
import type { Context, ReadContext } from './context.ts';
import type { Deployment } from './deployment.ts';
import { InvalidContext } from './invalid-context.ts';

/** What each function finds in its environment besides `TRANSPORT_URL`, by the function's name. */
export type Environments = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Reads what the functions are told from the context: `deployUrl` and `deploySecret`, the ARN of a secret in
 * Secrets Manager that holds what deployments are signed with, which the function itself asks for;
 * `mlflowTrackingUri`, and `mlflowTokenSecret`, the ARN of the secret that holds its token; `minImprovement`. Throws {@link InvalidContext}.
 */
export function readEnvironments(context: ReadContext): Environments {
  const text = (key: keyof Context): string | undefined => {
    const value = context(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && value !== '') return value;
    throw new InvalidContext(`${key} is ${JSON.stringify(value)}: expected a text, as in -c ${key}=…`);
  };
  const deployUrl = text('deployUrl');
  const deploySecret = readSecretArn(context, 'deploySecret');
  if ((deployUrl === undefined) !== (deploySecret === undefined)) {
    throw new InvalidContext('deployUrl and deploySecret go together: give both, or neither');
  }
  const minImprovement = text('minImprovement');
  if (deployUrl !== undefined) accepted('deployUrl', () => checkUrl(deployUrl));
  if (minImprovement !== undefined) accepted('minImprovement', () => parseMinImprovement(minImprovement));
  const mlflow = readMlflow(text('mlflowTrackingUri'), readSecretArn(context, 'mlflowTokenSecret'));
  const registry = present({
    ...mlflow,
    MLFLOW_WRITE_BACK: readWriteBack(text('mlflowWriteBack'), mlflow),
    MIN_IMPROVEMENT: minImprovement,
  });
  return {
    [DEPLOY]: present({
      DEPLOY_URL: deployUrl,
      DEPLOY_SECRET_ARN: deploySecret,
      // It asks for the champion.
      ...mlflow,
    }),
    [EMIT.name]: registry,
    [EVALUATE]: registry,
    [SWEEP.name]: present(mlflow),
  };
}

function readWriteBack(
  asked: string | undefined,
  mlflow: Readonly<Record<string, string | undefined>>,
): string | undefined {
  if (asked === undefined || asked === 'false') return undefined;
  if (asked === 'true' && mlflow['MLFLOW_TRACKING_URI'] !== undefined) return asked;
  throw new InvalidContext(
    'mlflowWriteBack is for an MLflow server: expected true or false, and mlflowTrackingUri beside it',
  );
}

function readMlflow(
  uri: string | undefined,
  tokenSecret: string | undefined,
): Record<string, string | undefined> {
  const server = uri === undefined ? undefined : accepted('mlflowTrackingUri', () => parseTrackingUri(uri));
  if (tokenSecret !== undefined && server?.kind !== 'http') {
    throw new InvalidContext(
      'mlflowTokenSecret goes with a URL as mlflowTrackingUri: MLflow on SageMaker is asked with AWS credentials',
    );
  }
  return { MLFLOW_TRACKING_URI: uri, MLFLOW_TRACKING_TOKEN_ARN: tokenSecret };
}

/** Has the functions' own check look at what they would refuse when they are loaded. */
function accepted<Read>(key: keyof Context, check: () => Read): Read {
  try {
    return check();
  } catch (error) {
    if (!REFUSED.some((type) => error instanceof type) || !(error instanceof Error)) throw error;
    throw new InvalidContext(`${error.message} (-c ${key}=…)`);
  }
}

const REFUSED = [InvalidDeployOptions, InvalidMinImprovement, RegistryError];

/**
 * The ARN of a secret, as the context has it under this key.
 *
 * @throws InvalidContext
 */
export function readSecretArn(context: ReadContext, key: keyof Context): string | undefined {
  const value = context(key);
  if (value === undefined) return undefined;
  if (typeof value === 'string' && SECRET_ARN.test(value)) return value;
  // What was given may be the secret itself.
  throw new InvalidContext(
    `${key} is no ARN of a secret: expected the whole ARN, as in -c ${key}=arn:aws:secretsmanager:eu-west-1:123456789012:secret:signing-AbCdEf`,
  );
}

/** With the six characters that Secrets Manager adds to its name: without them it would take a pattern to allow it. */
const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/;

/** ARNs of the secrets that functions read besides those in {@link Environments}. */
export interface Secrets {
  /** What MLflow signs with. */
  readonly webhookSecret?: string | undefined;
  /** What messages are signed with. */
  readonly signingSecret?: string | undefined;
}

/** What functions call beyond AWS's own network, or cannot do without it, by the variable that says so. */
const OUTSIDE: Readonly<Record<string, string>> = {
  DEPLOY_URL: 'deployUrl',
  MLFLOW_TRACKING_URI: 'mlflowTrackingUri',
};

/**
 * Checks that functions in a VPC have a way to whom they call.
 *
 * @throws InvalidConfig naming what would open one.
 */
export function checkEgress(
  environments: Environments,
  egress: Deployment['redis']['egress'],
  { webhookSecret, signingSecret }: Secrets,
): void {
  if (egress !== 'none') return;
  const calls = Object.entries(environments).flatMap(([name, environment]) =>
    Object.keys(OUTSIDE)
      .filter((variable) => variable in environment)
      .map((variable) => `${name} calls what -c ${OUTSIDE[variable]}=… names`),
  );
  if (webhookSecret) calls.push(`${EVALUATE_WEBHOOK.name} reads what -c webhookSecret=… names`);
  if (signingSecret) calls.push('every function reads what -c signingSecret=… names');
  const [call] = calls;
  if (call === undefined) return;
  throw new InvalidConfig(
    `deployment.redis.egress is none: expected nat, for ${call}, and no way leads there from the VPC of Redis`,
  );
}

function present(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
