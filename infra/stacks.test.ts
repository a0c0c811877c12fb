import { type App, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { type Config, defineConfig, topic } from '../src/config/define-config.ts';
import { FOR_ALL_RESOURCES } from './constructs/node-function.ts';
import { buildTestApp, stacksOf, testConfig, wholeConfig } from './test-config.ts';

const CALLS = {
  deployUrl: 'https://platform.example.com',
  deploySecret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:signing-AbCdEf',
  mlflowTrackingUri: 'https://mlflow.example.com',
  webhookSecret: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:mlflow-AbCdEf',
};

const build = (context: Record<string, string>, definition: Config = wholeConfig): App =>
  buildTestApp(definition, context);

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
}
interface Resource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
}

function resourcesOf(app: App): Resource[] {
  return stacksOf(app).flatMap((stack) =>
    Object.values<Resource>(Template.fromStack(stack).toJSON()['Resources']),
  );
}

/** Every statement of every policy, wherever it stands. */
function statementsIn(value: unknown): Statement[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'Statement' in value && Array.isArray(value.Statement) ? value.Statement : [];
  return [...own, ...Object.values(value).flatMap(statementsIn)];
}

describe.each([
  ['sqs', 'dev'],
  ['sqs', 'prod'],
  ['redis', 'dev'],
  ['redis', 'prod'],
])('an installation on %s in %s', (transport, stage) => {
  const app = build({ transport, stage, ...CALLS });

  it('has the stacks of its carrier, and no queue where Redis carries but that of failed approvals', () => {
    const [state] = transport === 'sqs' ? ['messaging'] : ['redis'];
    expect(stacksOf(app).map(({ stackName }) => stackName)).toEqual(
      [state, 'functions', 'monitoring'].map((what) => `test-${stage}-${what}`),
    );
    const resources = resourcesOf(app);
    const types = new Set(resources.map(({ Type }) => Type));
    const queues = resources.filter(({ Type }) => Type === 'AWS::SQS::Queue');
    expect(queues).toHaveLength(transport === 'sqs' ? 5 : 1);
    expect(types.has('AWS::Lambda::EventSourceMapping')).toBe(transport === 'sqs');
    expect(types.has('AWS::EC2::VPC')).toBe(transport === 'redis');
  });

  it('allows everything nowhere, but for what AWS takes no other way', () => {
    const statements = resourcesOf(app).flatMap(({ Properties }) => statementsIn(Properties));
    const allowed = statements.filter(({ Effect }) => Effect === 'Allow');
    expect(allowed.length).toBeGreaterThan(10);
    for (const { Action, Resource, Principal } of allowed) {
      const actions = [Action].flat();
      // A key's own policy speaks of that key; it is the account's to give away.
      if (Principal !== undefined && Resource === '*' && actions.join() === 'kms:*') continue;
      expect(actions.filter((action) => action.includes('*'))).toEqual([]);
      // There is an object for each model.
      if (actions.every((action) => action.startsWith('s3:'))) {
        expect(JSON.stringify(Resource)).toMatch(/"DeployedModels[^*]*(?:\/deployed\/\*"[^*]*)?$/);
        continue;
      }
      if (JSON.stringify(Resource ?? '').includes('*')) {
        expect(FOR_ALL_RESOURCES).toEqual(expect.arrayContaining(actions));
      }
    }
  });

  it('keeps logs for a while, and lets nobody in without TLS', () => {
    const resources = resourcesOf(app);
    const of = (type: string) => resources.filter(({ Type }) => Type === type);
    const logs = of('AWS::Logs::LogGroup');
    expect(logs.length).toBeGreaterThanOrEqual(4);
    for (const { Properties } of logs) expect(Properties).toHaveProperty('RetentionInDays', 30);
    for (const { Properties } of of('AWS::Lambda::Function')) {
      expect(Properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
      expect(Properties).toHaveProperty('LoggingConfig.LogGroup');
      expect(JSON.stringify(Properties?.['Environment'])).toContain(
        transport === 'sqs' ? 'sqs://' : 'rediss://',
      );
    }
    for (const { Properties } of of('AWS::ElastiCache::ReplicationGroup')) {
      expect(Properties).toMatchObject({ TransitEncryptionMode: 'required', Durability: 'sync' });
    }
    expect(of('AWS::SQS::QueuePolicy')).toHaveLength(of('AWS::SQS::Queue').length);
    expect(of('AWS::Lambda::Url').map(({ Properties }) => Properties?.['AuthType'])).toEqual([
      'AWS_IAM',
      'NONE',
    ]);
  });

  it('passes the checks of AWS Solutions', () => {
    const checked = build({ transport, stage, ...CALLS });
    Validations.of(checked).addPlugins(new AwsSolutionsChecks(checked));
    checked.synth();
  });
});

describe('bad input', () => {
  const loadHandler = async () => ({ default: () => undefined });
  const [first] = testConfig.topics;
  if (first === undefined) throw new Error('the test config has topics');
  const one = (options: object = {}, lambda: object = {}, subscription = 'mail') =>
    defineConfig({
      topics: [
        topic(
          { ...first.contract, name: 'order_placed' },
          { [subscription]: { loadHandler, lambda: { entry: 'x.ts', drainEntry: 'y.ts', ...lambda } } },
          options,
        ),
      ],
    });
  const redis = { transport: 'redis' };

  it.each<[string, () => unknown]>([
    [
      '"prod1" is not a stage (did you mean prod?): expected -c stage=dev or -c stage=prod',
      () => build({ stage: 'prod1' }),
    ],
    ['"redos" is not a transport (did you mean redis?)', () => build({ transport: 'redos' })],
    ['deployUrl and deploySecret go together', () => build({ deployUrl: 'https://x' })],
    [
      'the deploy URL is http://platform: expected https, or http on this machine (-c deployUrl=…)',
      () => build({ ...CALLS, deployUrl: 'http://platform' }),
    ],
    [
      '"1,5" is no minimum improvement: expected a number such as 0.01, or a share of the baseline such as 1% (-c minImprovement=…)',
      () => build({ minImprovement: '1,5' }),
    ],
    ['webhookSecret is no ARN of a secret: expected the whole ARN', () => build({ webhookSecret: 'mlflow' })],
    [
      'redisUrl is "localhost": expected the URL of a Redis',
      () => build({ ...redis, redisUrl: 'localhost' }),
    ],
    [
      'redisUrl is "…": expected the URL of a Redis',
      () => build({ ...redis, redisUrl: 'redis+tls://app:hunter2@cache:6380' }),
    ],
    ['redisUrl is for Redis: add -c transport=redis', () => build({ redisUrl: 'redis://localhost' })],
    [
      'topics.order_placed.subscriptions.mail.lambda.windowMs is 1000: expected 0, for the event source of a FIFO queue',
      () => build({}, one({ ordered: true }, { windowMs: 1_000 })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.windowMs is 1500: expected whole seconds',
      () => build({}, one({}, { windowMs: 1_500 })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.windowMs is 0: expected whole seconds from 1000 to 300000, for a batch of more than 10',
      () => build({}, one({}, { windowMs: 0, batchSize: 11 })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.maxConcurrency is 1: expected a whole number from 2 to 1000',
      () => build({}, one({}, { maxConcurrency: 1 })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.filters are 6: expected 5 at most',
      () => build({}, one({}, { filters: Array.from({ length: 6 }, () => ({})) })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.drainEntry is missing',
      () => build(redis, one({}, { drainEntry: undefined })),
    ],
    [
      'topics.order_placed.subscriptions.mail.lambda.partitions is 0: expected a whole number from 1 to 100',
      () => build(redis, one({}, { partitions: 0 })),
    ],
    ['topics.order_placed.ordered is true: Redis keeps no order', () => build(redis, one({ ordered: true }))],
    [
      'deployment.redis.egress is none: expected nat, for model_ready_to_deploy-deploy calls what -c deployUrl=… names',
      () => build({ ...redis, deployUrl: 'https://x', deploySecret: CALLS.deploySecret }, testConfig),
    ],
    [
      'deployment.redis.egress is none: expected nat, for evaluate-webhook reads what -c webhookSecret=… names',
      () => build({ ...redis, webhookSecret: CALLS.webhookSecret }, testConfig),
    ],
    [
      'deployment.redis.egress is none: expected nat, for every function reads what -c signingSecret=… names',
      () => build({ ...redis, signingSecret: CALLS.webhookSecret }, testConfig),
    ],
    ['signingSecret is no ARN of a secret: expected the whole ARN', () => build({ signingSecret: 'mine' })],
    [
      'deployment.encryption is "none"',
      () => build({}, { ...testConfig, deployment: JSON.parse('{"encryption":"none"}') }),
    ],
    [
      '"a-prefix-of-mine-prod" is not a prefix name',
      () => build({ stage: 'prod' }, { ...testConfig, prefix: 'a-prefix-of-mine' }),
    ],
  ])('is answered: %s', (message, act) => {
    expect(act).toThrow(message);
  });

  it('is nothing of that: a Redis of one’s own is reached as it is', () => {
    const app = build({ ...redis, ...CALLS, redisUrl: 'redis://cache.internal:6379' }, testConfig);
    expect(stacksOf(app).map(({ stackName }) => stackName)).toEqual([
      'test-dev-functions',
      'test-dev-monitoring',
    ]);
    for (const { Type, Properties } of resourcesOf(app)) {
      if (Type !== 'AWS::Lambda::Function') continue;
      expect(Properties).not.toHaveProperty('VpcConfig');
      const url = 'redis://cache.internal:6379?prefix=test-dev';
      expect(Properties).toHaveProperty('Environment.Variables.TRANSPORT_URL', url);
    }
  });
});

describe('a password of a Redis of one’s own', () => {
  const warned = Match.stringLikeRegexp('redisUrl holds a password, which stands in clear');
  const warnings = (redisUrl: string) => {
    const app = build({ transport: 'redis', redisUrl }, testConfig);
    return stacksOf(app).flatMap((stack) => Annotations.fromStack(stack).findWarning('*', warned));
  };

  it('is warned of at every synth, and not said', () => {
    const [warning, ...others] = warnings('rediss://app:hunter2@cache.internal:6379');
    expect(others).toEqual([]);
    expect(JSON.stringify(warning?.entry.data)).not.toContain('hunter2');
  });

  it('is none where there is only a user', () => {
    expect(warnings('rediss://app@cache.internal:6379')).toEqual([]);
  });
});

describe.each(['sqs', 'redis'])('an installation on %s whose account is named', (transport) => {
  const stages = { prod: { account: '123456789012', region: 'eu-west-1' } };
  const app = build(
    { transport, stage: 'prod', ...CALLS },
    { ...wholeConfig, deployment: { ...wholeConfig.deployment, stages } },
  );

  it('goes to that account, and asks AWS nothing before', () => {
    const { stacks, manifest } = app.synth();
    expect(new Set(stacks.map(({ environment }) => environment.name))).toEqual(
      new Set(['aws://123456789012/eu-west-1']),
    );
    expect(manifest.missing ?? []).toEqual([]);
  });
});
