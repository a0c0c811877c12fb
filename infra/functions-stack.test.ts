import { App, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { beforeAll, describe, expect, it } from 'vitest';
import { FunctionsStack } from './functions-stack.ts';
import { buildTestApp, emptyBundles, stacksOf, testApp, testConfig, wholeConfig } from './test-config.ts';

function synthesize(stage: 'dev' | 'prod'): Template {
  using bundles = emptyBundles(testConfig);
  return Template.fromStack(
    new FunctionsStack(new App(), 'test', {
      config: testConfig,
      stage,
      bundles: bundles.folder,
      environments: { 'model_ready_to_deploy-deploy': DEPLOYS },
    }),
  );
}

const DEPLOYS = {
  DEPLOY_URL: 'https://example.com/deploy',
  DEPLOY_SECRET_ARN: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:signing-AbCdEf',
};

/** What a role's policies allow: actions, and the queues (or other last parts of an ARN) they are for. */
function allowed(template: Template, description: string): string[] {
  const functions = template.findResources('AWS::Lambda::Function', {
    Properties: { Description: description },
  });
  const [one] = Object.values(functions);
  const role = one?.['Properties'].Role['Fn::GetAtt'][0];
  const policies: Policy[] = template.toJSON()['Resources'][role].Properties.Policies;
  return policies.flatMap(({ PolicyDocument: { Statement } }) =>
    Statement.flatMap(({ Action, Resource }) =>
      [Resource].flat().flatMap((resource) =>
        [Action].flat().map((action) => {
          if (typeof resource === 'string') return `${action} on ${resource.replace(/^.*:/, '')}`;
          if ('Fn::Join' in resource) {
            return `${action} on ${String(resource['Fn::Join'][1].at(-1)).replace(/^.*:/, '')}`;
          }
          // By the last part of its id; what another stack has made has none here.
          const id = 'Fn::GetAtt' in resource ? resource['Fn::GetAtt'][0] : resource['Fn::ImportValue'];
          const [, own = ''] = /(Log|Failed)[0-9A-F]{8}$/.exec(id) ?? [];
          return `${action} on ${own.toLowerCase()}`;
        }),
      ),
    ),
  );
}

interface Policy {
  PolicyDocument: { Statement: { Action: string | string[]; Resource: Arn | Arn[] }[] };
}
type Arn =
  | string
  | { 'Fn::Join': [string, unknown[]] }
  | { 'Fn::GetAtt': [string, string] }
  | { 'Fn::ImportValue': string };

const TRACE = ['xray:PutTelemetryRecords on *', 'xray:PutTraceSegments on *'];
const METRICS_PREFIX = 'test';
const TRANSPORT_URL = { 'Fn::Join': ['', ['sqs://', { Ref: 'AWS::Region' }, '?prefix=test']] };
const LOG = ['logs:CreateLogStream on log', 'logs:PutLogEvents on log'];

describe('the functions stack', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesize('dev');
  });

  it('has an emit function, and one for each subscription, on Node 24 and arm64', () => {
    template.resourceCountIs('AWS::Lambda::Function', 4);
    template.allResourcesProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      Handler: 'index.handler',
      TracingConfig: { Mode: 'Active' },
      Environment: { Variables: { TRANSPORT_URL, METRICS_PREFIX } },
    });
  });

  it('tells a function, and no other, what is meant for it', () => {
    const environment = (Description: string, Variables: object) =>
      template.hasResource('AWS::Lambda::Function', {
        Properties: Match.objectLike({
          Description,
          Environment: { Variables: Match.objectEquals(Variables) },
        }),
      });
    environment('Consumes test-model_ready_to_deploy-deploy', {
      TRANSPORT_URL,
      METRICS_PREFIX,
      ...DEPLOYS,
      DEPLOYED_URL: {
        'Fn::Join': ['', ['s3://', { Ref: Match.stringLikeRegexp('^DeployedModels') }, '/deployed']],
      },
    });
    environment('Consumes test-order_placed-mail', { TRANSPORT_URL, METRICS_PREFIX });
  });

  it('gives emit more time than its publisher takes to say what could not be published', () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Judges evaluations of models, and announces those that beat their baseline',
      Timeout: 60,
    });
  });

  it('answers at a URL only to requests signed with AWS credentials', () => {
    template.resourceCountIs('AWS::Lambda::Url', 1);
    template.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' });
  });

  it('feeds a consumer from its queue and lets it fail messages one by one', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: {
        'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp(':test-model_ready_to_deploy-deploy$')])],
      },
      BatchSize: 5,
      MaximumBatchingWindowInSeconds: Match.absent(),
      ScalingConfig: { MaximumConcurrency: 3 },
      FunctionResponseTypes: ['ReportBatchItemFailures'],
    });
  });

  it('gathers a while for a batch larger than one receive', () => {
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 1,
    });
  });

  it("gives a function more time than its handler, and less than the queue's lease", () => {
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Consumes test-model_ready_to_deploy-deploy',
      Timeout: 22,
    });
  });

  it('keeps what was deployed last in a closed bucket, which outlives the stack', () => {
    template.resourceCountIs('AWS::S3::Bucket', 1);
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
    });
    const deploys = allowed(template, 'Consumes test-model_ready_to_deploy-deploy');
    expect(deploys.filter((right) => right.startsWith('s3:')).toSorted()).toEqual([
      's3:GetObject on /deployed/*',
      's3:ListBucket on ',
      's3:PutObject on /deployed/*',
    ]);
    expect(JSON.stringify(template).match(/s3:PutObject/g)).toHaveLength(1);
  });

  it('lets emit only send to the queues of its topic', () => {
    const description = 'Judges evaluations of models, and announces those that beat their baseline';
    expect(allowed(template, description).sort()).toEqual([
      ...LOG,
      'sqs:GetQueueUrl on test-model_ready_to_deploy-audit',
      'sqs:GetQueueUrl on test-model_ready_to_deploy-deploy',
      'sqs:SendMessage on test-model_ready_to_deploy-audit',
      'sqs:SendMessage on test-model_ready_to_deploy-deploy',
      ...TRACE,
    ]);
  });

  it('lets a consumer read the secret that its environment names', () => {
    const secrets = (description: string) =>
      allowed(template, description).filter((one) => one.startsWith('secretsmanager:'));
    expect(secrets('Consumes test-model_ready_to_deploy-deploy')).toEqual([
      'secretsmanager:GetSecretValue on signing-AbCdEf',
    ]);
    expect(secrets('Consumes test-order_placed-mail')).toEqual([]);
  });

  it('lets a consumer only consume its queue and dead-letter from it', () => {
    expect(allowed(template, 'Consumes test-order_placed-mail').sort()).toEqual([
      ...LOG,
      'sqs:ChangeMessageVisibility on test-order_placed-mail',
      'sqs:DeleteMessage on test-order_placed-mail',
      'sqs:GetQueueAttributes on test-order_placed-mail',
      'sqs:GetQueueUrl on test-order_placed-mail',
      'sqs:GetQueueUrl on test-order_placed-mail-dlq',
      'sqs:ReceiveMessage on test-order_placed-mail',
      'sqs:SendMessage on test-order_placed-mail',
      'sqs:SendMessage on test-order_placed-mail-dlq',
      ...TRACE,
    ]);
    // Nothing is granted anywhere else.
    template.resourceCountIs('AWS::IAM::Policy', 0);
    template.allResourcesProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  it('has a log for each function that forgets after a month', () => {
    template.resourceCountIs('AWS::Logs::LogGroup', 4);
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
    template.allResources('AWS::Logs::LogGroup', { DeletionPolicy: 'Delete' });
    synthesize('prod').allResources('AWS::Logs::LogGroup', { DeletionPolicy: 'Retain' });
  });
});

describe('the functions that judge what registries say', () => {
  const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:mlflow-AbCdEf';
  function judging(webhookSecret?: string, stage: 'dev' | 'prod' = 'dev', encryptionKey?: IKey): Template {
    using bundles = emptyBundles(wholeConfig);
    return Template.fromStack(
      new FunctionsStack(testApp(), 'test', {
        config: wholeConfig,
        stage,
        bundles: bundles.folder,
        environments: {},
        webhookSecret,
        encryptionKey,
      }),
    );
  }
  const WEBHOOK = 'Takes what model registries say, and publishes what asks for a model to be judged';

  it('have an open URL where a secret guards it, and may read that one and publish on one topic', () => {
    const template = judging(SECRET);
    template.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'NONE' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: WEBHOOK,
      Environment: { Variables: Match.objectLike({ MLFLOW_WEBHOOK_SECRET_ARN: SECRET }) },
    });
    expect(allowed(template, WEBHOOK).sort()).toEqual([
      ...LOG,
      'secretsmanager:GetSecretValue on mlflow-AbCdEf',
      'sqs:GetQueueUrl on test-model_to_evaluate-judge',
      'sqs:SendMessage on failed',
      'sqs:SendMessage on test-model_to_evaluate-judge',
      ...TRACE,
    ]);
  });

  it('have no open URL without one', () => {
    const template = judging();
    template.resourceCountIs('AWS::Lambda::Url', 1);
    template.hasResourceProperties('AWS::Lambda::Url', { AuthType: 'AWS_IAM' });
  });

  it('hear of what was approved in SageMaker', () => {
    judging().hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        source: ['aws.sagemaker'],
        'detail-type': ['SageMaker Model Package State Change'],
        detail: { ModelApprovalStatus: ['Approved'] },
      },
      Targets: [
        Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^evaluatewebhook'), 'Arn'] } }),
      ],
    });
  });

  it('keep what was approved and could not be published, where nobody reads it on the way', () => {
    const template = judging();
    const failed = { 'Fn::GetAtt': [Match.stringLikeRegexp('^evaluatewebhookFailed'), 'Arn'] };
    template.resourceCountIs('AWS::Lambda::EventInvokeConfig', 1);
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      FunctionName: { Ref: Match.stringLikeRegexp('^evaluatewebhook') },
      DestinationConfig: { OnFailure: { Destination: failed } },
    });
    template.hasResource('AWS::SQS::Queue', {
      Properties: { MessageRetentionPeriod: 14 * 24 * 3_600, SqsManagedSseEnabled: true },
      DeletionPolicy: 'Delete',
    });
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
    });
    template.hasOutput('WebhookFailed', { Value: { Ref: Match.stringLikeRegexp('^evaluatewebhookFailed') } });
    judging(undefined, 'prod').allResources('AWS::SQS::Queue', { DeletionPolicy: 'Retain' });
  });

  it('keep it under the key of the queues, where they have one', () => {
    const arn = 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const template = judging(undefined, 'dev', Key.fromKeyArn(new Stack(), 'Key', arn));
    template.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: arn });
    const rights = allowed(template, WEBHOOK).filter((one) => one.startsWith('kms:'));
    expect(rights.sort()).toEqual(
      ['kms:Decrypt', 'kms:GenerateDataKey'].map((one) => `${one} on ${arn.replace(/^.*:/, '')}`),
    );
  });

  it('announce what they judge: that consumer publishes on emit’s topic', () => {
    expect(allowed(judging(), 'Consumes test-model_to_evaluate-judge')).toContain(
      'sqs:SendMessage on test-model_ready_to_deploy-deploy',
    );
  });

  it('connect to Redis as who they are', () => {
    using bundles = emptyBundles(wholeConfig, 'redis');
    const roles: string[] = [];
    const access = (role: string) => {
      roles.push(role);
      return { transportUrl: `redis://${role}@cache`, statements: [] };
    };
    const template = Template.fromStack(
      new FunctionsStack(testApp(), 'test', {
        config: wholeConfig,
        stage: 'dev',
        bundles: bundles.folder,
        environments: { 'model_ready_to_deploy-deploy': DEPLOYS },
        redis: { place: { access }, drainEvery: Duration.minutes(1) },
      }),
    );
    expect(roles).toEqual(['publish', 'publish', 'consume', 'relay']);
    expect(allowed(template, 'Drains model_ready_to_deploy/deploy')).toContain(
      'secretsmanager:GetSecretValue on signing-AbCdEf',
    );
    template.hasResourceProperties('AWS::Lambda::Function', {
      Description: 'Drains model_to_evaluate/judge',
      Environment: { Variables: { TRANSPORT_URL: 'redis://relay@cache', METRICS_PREFIX: 'test' } },
    });
  });
});

describe('the key that messages are signed with', () => {
  const signingSecret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:courier-AbCdEf';
  const onRedis = { transport: 'redis', redisUrl: 'redis://10.0.0.1:6379' };

  it.each([
    ['SQS', {}],
    ['Redis', onRedis],
  ])('is known to every function on %s by its ARN, which it may read', (_, context) => {
    const app = buildTestApp(wholeConfig, { ...context, signingSecret });
    const stack = stacksOf(app).find((one) => one instanceof FunctionsStack);
    if (stack === undefined) throw new Error('there are no functions');
    const template = Template.fromStack(stack);
    const functions = Object.values(template.findResources('AWS::Lambda::Function'));
    expect(functions).toHaveLength(4);
    for (const { Properties } of functions) {
      expect(Properties.Environment.Variables).toMatchObject({ HIKYAKU_SIGNING_KEY_ARN: signingSecret });
      expect(allowed(template, Properties.Description)).toContain(
        'secretsmanager:GetSecretValue on courier-AbCdEf',
      );
    }
  });
});

describe('MLflow', () => {
  const JUDGES = 'Judges evaluations of models, and announces those that beat their baseline';
  const READS = [
    'GetLoggedModel',
    'GetMetricHistory',
    'GetModelVersion',
    'GetModelVersionByAlias',
    'GetRegisteredModel',
    'GetRun',
  ];
  const CARRIERS = [
    [
      'SQS',
      {},
      ['Consumes test-dev-model_to_evaluate-judge', 'Consumes test-dev-model_ready_to_deploy-deploy'],
    ],
    [
      'Redis',
      { transport: 'redis', redisUrl: 'redis://10.0.0.1:6379' },
      ['Drains model_to_evaluate/judge', 'Drains model_ready_to_deploy/deploy'],
    ],
  ] as const;

  function functionsWith(context: Readonly<Record<string, string>>): Template {
    const stack = stacksOf(buildTestApp(wholeConfig, context)).find((one) => one instanceof FunctionsStack);
    if (stack === undefined) throw new Error('there are no functions');
    return Template.fromStack(stack);
  }

  it.each(CARRIERS)(
    'on SageMaker may be read by those that judge or deploy, and nothing more: %s',
    (_, context, consumers) => {
      const mlflowTrackingUri = 'arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/models';
      const template = functionsWith({ ...context, mlflowTrackingUri });
      for (const description of [JUDGES, ...consumers]) {
        const rights = allowed(template, description).filter((one) => one.startsWith('sagemaker'));
        expect(rights).toEqual(
          READS.map((read) => `sagemaker-mlflow:${read} on mlflow-tracking-server/models`),
        );
      }
      const sweep = allowed(
        template,
        'Looks in MLflow for versions that no webhook told of, and has them judged',
      );
      expect(sweep.filter((one) => one.startsWith('sagemaker'))).toEqual(
        [...READS, 'SearchModelVersions', 'SearchRegisteredModels'].map(
          (read) => `sagemaker-mlflow:${read} on mlflow-tracking-server/models`,
        ),
      );
      expect(JSON.stringify(template).match(/sagemaker-mlflow:GetRun/g)).toHaveLength(4);
      expect(JSON.stringify(template)).not.toContain('SetModelVersionTag');
    },
  );

  it('on SageMaker may be written to by those that judge, if verdicts are written back', () => {
    const mlflowTrackingUri = 'arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/models';
    const template = functionsWith({ mlflowTrackingUri, mlflowWriteBack: 'true' });
    expect(allowed(template, JUDGES)).toContain(
      'sagemaker-mlflow:SetModelVersionTag on mlflow-tracking-server/models',
    );
    expect(JSON.stringify(template).match(/SetModelVersionTag/g)).toHaveLength(2);
  });

  it.each(CARRIERS)('is looked through every hour: %s', (_, context) => {
    const template = functionsWith({ ...context, mlflowTrackingUri: 'https://mlflow' });
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(1 hour)' });
    expect(JSON.stringify(functionsWith(context))).not.toContain('rate(1 hour)');
  });

  it('as an app of SageMaker asks for one right more', () => {
    // A blank before it is no part of it.
    const mlflowTrackingUri = ' arn:aws:sagemaker:eu-west-1:123456789012:mlflow-app/app-ABC';
    const rights = allowed(functionsWith({ mlflowTrackingUri }), JUDGES);
    expect(rights).toContain('sagemaker:CallMlflowAppApi on mlflow-app/app-ABC');
    expect(rights).toContain('sagemaker-mlflow:GetRun on mlflow-app/app-ABC');
  });

  it.each(CARRIERS)(
    'may ask for a token, which those that judge or deploy read: %s',
    (_, context, consumers) => {
      const mlflowTokenSecret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf';
      const template = functionsWith({ ...context, mlflowTrackingUri: 'https://mlflow', mlflowTokenSecret });
      for (const description of [JUDGES, ...consumers]) {
        expect(allowed(template, description)).toContain('secretsmanager:GetSecretValue on token-AbCdEf');
      }
    },
  );
});
