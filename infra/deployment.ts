import { InvalidConfig } from '../src/config/define-config.ts';
import type {
  AlarmOptions,
  AlarmThresholds,
  DeploymentOptions,
  RedisDeploymentOptions,
  StageAccount,
} from '../src/config/deployment.ts';
import { closest } from '../src/text/closest.ts';
import type { Stage } from './stage.ts';
import { whole } from './whole.ts';

/** {@link DeploymentOptions} with nothing left out. */
export interface Deployment {
  readonly encryption: 'sqs' | 'kms';
  readonly redis: Required<RedisDeploymentOptions>;
  readonly alarms: { readonly email?: string; readonly thresholds: AlarmThresholds };
}

export const DEFAULT_THRESHOLDS: AlarmThresholds = {
  deadLetters: 0,
  oldestMinutes: 30,
  inFlight: 100_000,
  errorPercent: 5,
  throttles: 0,
  durationPercent: 80,
  lag: 10_000,
  pending: 10_000,
  engineCpuPercent: 80,
  memoryPercent: 75,
  connections: 50_000,
  replicationLagSeconds: 5,
  serverlessGib: 1,
  serverlessWriteMs: 10,
};

/** Only these families keep what they acknowledged (`Durability: sync`). */
const DURABLE = /^cache\.(?:[rm][678]g|c[78]gn)\.[a-z0-9]+$/;
const REGION = /^[a-z]{2}(?:-[a-z]+)+-\d$/;
const ENCRYPTIONS = ['sqs', 'kms'] as const;
const EGRESSES = ['none', 'nat'] as const;

/**
 * Fills in the defaults and checks the values.
 *
 * @throws InvalidConfig naming the path to the value in the config.
 */
export function completeDeployment(options: DeploymentOptions = {}): Deployment {
  known('deployment', options, ['encryption', 'stages', 'redis', 'alarms']);
  const { encryption = 'sqs', redis = {}, alarms = {} } = options;
  return {
    encryption: oneOf('deployment.encryption', encryption, ENCRYPTIONS),
    redis: completeRedis(redis),
    alarms: completeAlarms(alarms),
  };
}

/**
 * Where a stage is deployed to; undefined where the config leaves that to the credentials at hand.
 *
 * @throws InvalidConfig naming the path, also for a stage that the config leaves out while it names others.
 */
export function accountOf(stage: Stage, { stages }: DeploymentOptions = {}): StageAccount | undefined {
  if (stages === undefined) return undefined;
  known('deployment.stages', stages, ['dev', 'prod']);
  const path = `deployment.stages.${stage}`;
  const place = stages[stage];
  if (place === undefined) {
    throw new InvalidConfig(
      `${path} is missing: expected the account of ${stage}, as { account: "123456789012", region: "eu-west-1" }`,
    );
  }
  known(path, place, ['account', 'region']);
  const { account, region } = place;
  if (!/^\d{12}$/.test(account)) {
    throw new InvalidConfig(
      `${path}.account is ${JSON.stringify(account)}: expected the twelve digits of an AWS account`,
    );
  }
  if (!REGION.test(region)) {
    throw new InvalidConfig(
      `${path}.region is ${JSON.stringify(region)}: expected an AWS region, as eu-west-1`,
    );
  }
  return { account, region };
}

function completeRedis(options: RedisDeploymentOptions): Deployment['redis'] {
  const path = 'deployment.redis';
  known(path, options, ['egress', 'nodeType', 'replicas', 'drainEveryMinutes']);
  const { egress = 'none', nodeType = 'cache.m7g.large', replicas = 1, drainEveryMinutes = 1 } = options;
  if (!DURABLE.test(nodeType)) {
    throw new InvalidConfig(
      `${path}.nodeType is ${JSON.stringify(nodeType)}: expected one that can be durable, as cache.m7g.large (r6g to r8g, m6g to m8g, c7gn, c8gn)`,
    );
  }
  whole(`${path}.replicas`, replicas, 1, 5);
  whole(`${path}.drainEveryMinutes`, drainEveryMinutes, 1, 1_440);
  return { egress: oneOf(`${path}.egress`, egress, EGRESSES), nodeType, replicas, drainEveryMinutes };
}

function completeAlarms({ email, thresholds = {}, ...rest }: AlarmOptions): Deployment['alarms'] {
  const path = 'deployment.alarms';
  known(path, rest, ['email', 'thresholds']);
  known(`${path}.thresholds`, thresholds, Object.keys(DEFAULT_THRESHOLDS));
  for (const [name, value] of Object.entries(thresholds)) {
    const most = name.endsWith('Percent') ? 100 : Number.MAX_SAFE_INTEGER;
    if (typeof value === 'number' && value >= 0 && value <= most) continue;
    throw new InvalidConfig(
      `${path}.thresholds.${name} is ${String(value)}: expected a number from 0${most === 100 ? ' to 100' : ''}`,
    );
  }
  if (email !== undefined && !/^[^@\s]+@[^@\s]+$/.test(email)) {
    throw new InvalidConfig(`${path}.email is ${JSON.stringify(email)}: expected an e-mail address`);
  }
  return { ...(email !== undefined && { email }), thresholds: { ...DEFAULT_THRESHOLDS, ...thresholds } };
}

/** A config in JavaScript may say anything: what is misspelled would silently be the default. */
function known(path: string, options: object, names: readonly string[]): void {
  const strange = Object.keys(options).find((name) => !names.includes(name));
  if (strange === undefined) return;
  throw new InvalidConfig(
    `${path}.${strange} is not an option${closest(strange, names)}: expected one of ${names.join(', ')}`,
  );
}

function oneOf<Choice extends string>(path: string, value: Choice, choices: readonly Choice[]): Choice {
  if (choices.includes(value)) return value;
  throw new InvalidConfig(
    `${path} is ${JSON.stringify(value)}${closest(value, choices)}: expected ${choices.join(' or ')}`,
  );
}
