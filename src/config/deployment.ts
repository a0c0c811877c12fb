/**
 * How the system stands in AWS: read by the CDK app alone, which fills in the defaults and checks the values when
 * it synthesizes. Functions carry it without looking at it.
 */
export interface DeploymentOptions {
  /** Who keeps the keys that queues are encrypted with: SQS, or a KMS key of this installation. Default `sqs`. */
  readonly encryption?: 'sqs' | 'kms';
  /**
   * Where each stage stands. With it, a stage is deployed with credentials of its own account only, and one that is
   * not named here is not deployed. Default: wherever the credentials at hand belong.
   */
  readonly stages?: StageAccounts;
  /** Of `-c transport=redis` only. */
  readonly redis?: RedisDeploymentOptions;
  /** Who hears of alarms, and from when on. */
  readonly alarms?: AlarmOptions;
}

/** Where the stages stand. */
export interface StageAccounts {
  /** Of `-c stage=dev`. Default: it is not deployed. */
  readonly dev?: StageAccount;
  /** Of `-c stage=prod`. Default: it is not deployed. */
  readonly prod?: StageAccount;
}

/** Where a stage stands. */
export interface StageAccount {
  /** The account's number: twelve digits. */
  readonly account: string;
  /** As AWS calls it: `eu-west-1`. */
  readonly region: string;
}

/** What matters with `-c transport=redis` only. */
export interface RedisDeploymentOptions {
  /**
   * A way out of the VPC, for functions that call somebody: a NAT gateway, about $33 a month and what it
   * carries. Default `none`.
   */
  readonly egress?: 'none' | 'nat';
  /** Of the nodes of `prod`: one of a family that can be durable. Default `cache.m7g.large`. */
  readonly nodeType?: string;
  /** Replicas of the primary of `prod`, each in a zone of its own or sharing one; 1 to 5. Default 1. */
  readonly replicas?: number;
  /** How often drains are invoked, in whole minutes, 1 to 1,440. Default 1. */
  readonly drainEveryMinutes?: number;
}

/** Who hears of alarms, and from when on. */
export interface AlarmOptions {
  /** Gets a mail for each alarm, once it has confirmed the one from SNS. Default: nobody. */
  readonly email?: string;
  /** Above what they go off. */
  readonly thresholds?: Partial<AlarmThresholds>;
}

/** An alarm goes off above these values. */
export interface AlarmThresholds {
  /** Messages in a dead-letter queue. Default 0. */
  readonly deadLetters: number;
  /** Age of the oldest message, in minutes. Default 30: twice the longest pause between attempts by default. */
  readonly oldestMinutes: number;
  /** Messages in flight on SQS, which hands over 120,000 at most. Default 100,000. */
  readonly inFlight: number;
  /** Failed invocations of a function, in per cent. Default 5. */
  readonly errorPercent: number;
  /** Refused invocations of a function in five minutes. Default 0. */
  readonly throttles: number;
  /** The slowest of a hundred invocations, in per cent of the function's timeout. Default 80. */
  readonly durationPercent: number;
  /** Messages on Redis that nobody has received. Default 10,000. */
  readonly lag: number;
  /** Messages on Redis that are with a handler. Default 10,000. */
  readonly pending: number;
  /** The processor of a node of Redis, in per cent. Default 80. */
  readonly engineCpuPercent: number;
  /** The memory of a node of Redis, in per cent: a full one refuses publishes. Default 75. */
  readonly memoryPercent: number;
  /** Connections to a node of Redis, which takes 65,000. Default 50,000. */
  readonly connections: number;
  /** How far a replica of Redis is behind, in seconds. Default 5. */
  readonly replicationLagSeconds: number;
  /** What a serverless Redis holds, in GiB. Default 1. */
  readonly serverlessGib: number;
  /** How long a write takes on a serverless Redis, in ms. Default 10. */
  readonly serverlessWriteMs: number;
}
