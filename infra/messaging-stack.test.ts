import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { InvalidName } from '../src/message/names.ts';
import { MessagingStack } from './messaging-stack.ts';
import { testConfig } from './test-config.ts';

describe('the messaging stack', () => {
  let template: Template;
  beforeAll(() => {
    template = Template.fromStack(
      new MessagingStack(new App(), 'test', { config: testConfig, stage: 'dev' }),
    );
  });

  it('has a queue and a dead-letter queue for each subscription, under the names drivers look for', () => {
    template.resourceCountIs('AWS::SQS::Queue', 6);
    for (const QueueName of [
      'test-model_ready_to_deploy-deploy',
      'test-model_ready_to_deploy-deploy-dlq',
      'test-model_ready_to_deploy-audit',
      'test-model_ready_to_deploy-audit-dlq',
      'test-order_placed-mail',
      'test-order_placed-mail-dlq',
    ]) {
      template.hasResourceProperties('AWS::SQS::Queue', { QueueName });
    }
  });

  it("takes a queue's lease and limit of deliveries from its subscription", () => {
    const [dlq] = Object.keys(
      template.findResources('AWS::SQS::Queue', {
        Properties: { QueueName: 'test-model_ready_to_deploy-deploy-dlq' },
      }),
    );
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'test-model_ready_to_deploy-deploy',
      VisibilityTimeout: 6 * (20 + 2),
      RedrivePolicy: { maxReceiveCount: 22, deadLetterTargetArn: { 'Fn::GetAtt': [dlq, 'Arn'] } },
    });
  });

  it('lets only the own queue redrive into a dead-letter queue, and keeps what is there for 14 days', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'test-order_placed-mail-dlq',
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      RedriveAllowPolicy: {
        redrivePermission: 'byQueue',
        sourceQueueArns: [
          { 'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp(':test-order_placed-mail$')])] },
        ],
      },
    });
  });

  it('encrypts every queue and refuses plain HTTP', () => {
    template.allResourcesProperties('AWS::SQS::Queue', { SqsManagedSseEnabled: true });
    template.resourceCountIs('AWS::SQS::QueuePolicy', 6);
    template.allResourcesProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ],
      },
    });
  });

  it('makes FIFO queues for an ordered topic, limited and deduplicated by key', () => {
    const [topic] = testConfig.topics.slice(1);
    if (topic === undefined) throw new Error('the test config has two topics');
    const config = { prefix: 'test', topics: [{ ...topic, ordered: true }] };
    const ordered = Template.fromStack(new MessagingStack(new App(), 'test', { config, stage: 'dev' }));
    const fifo = {
      FifoQueue: true,
      ContentBasedDeduplication: false,
      DeduplicationScope: 'messageGroup',
      FifoThroughputLimit: 'perMessageGroupId',
    };
    ordered.resourceCountIs('AWS::SQS::Queue', 2);
    ordered.hasResourceProperties('AWS::SQS::Queue', { QueueName: 'test-order_placed-mail.fifo', ...fifo });
    ordered.hasResourceProperties('AWS::SQS::Queue', {
      QueueName: 'test-order_placed-mail-dlq.fifo',
      MessageRetentionPeriod: 14 * 24 * 60 * 60,
      RedriveAllowPolicy: {
        sourceQueueArns: [
          { 'Fn::Join': ['', Match.arrayWith([Match.stringLikeRegexp(':test-order_placed-mail\\.fifo$')])] },
        ],
      },
      ...fifo,
    });
    template.allResourcesProperties('AWS::SQS::Queue', { FifoQueue: Match.absent() });
  });

  it('says the TRANSPORT_URL that leads to its queues', () => {
    template.hasOutput('TransportUrl', {
      Value: { 'Fn::Join': ['', ['sqs://', { Ref: 'AWS::Region' }, '?prefix=test']] },
    });
  });

  it('takes its queues with it in dev, and leaves them in prod', () => {
    template.allResources('AWS::SQS::Queue', { DeletionPolicy: 'Delete' });
    const prod = new MessagingStack(new App(), 'test', { config: testConfig, stage: 'prod' });
    Template.fromStack(prod).allResources('AWS::SQS::Queue', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
  });

  it('encrypts with a key of its own, which turns over, where it is asked to', () => {
    const own = Template.fromStack(
      new MessagingStack(new App(), 'test', { config: testConfig, stage: 'prod', encryption: 'kms' }),
    );
    const [key] = Object.keys(own.findResources('AWS::KMS::Key'));
    own.allResourcesProperties('AWS::SQS::Queue', { KmsMasterKeyId: { 'Fn::GetAtt': [key, 'Arn'] } });
    own.hasResource('AWS::KMS::Key', { Properties: { EnableKeyRotation: true }, DeletionPolicy: 'Retain' });
    template.resourceCountIs('AWS::KMS::Key', 0);
  });

  it('refuses names that would share a queue', () => {
    const [, orders] = testConfig.topics;
    if (orders === undefined) throw new Error('the test config has two topics');
    const [mail] = orders.subscriptions;
    if (mail === undefined) throw new Error('orders has a subscription');
    const config = {
      prefix: 'test',
      topics: [
        { ...orders, name: 'a-b', subscriptions: [{ ...mail, name: 'c' }] },
        { ...orders, name: 'a', subscriptions: [{ ...mail, name: 'b-c' }] },
      ],
    };
    expect(() => new MessagingStack(new App(), 'test', { config, stage: 'dev' })).toThrow(InvalidName);
  });
});
