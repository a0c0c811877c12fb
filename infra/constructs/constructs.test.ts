import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidConfig, subscriptionsOf } from '../../src/config/define-config.ts';
import { Alarms, MessageQueue, queueNames, RedisConsumer, SqsConsumer } from '../index.ts';
import { stackName } from '../stage.ts';
import { testApp, wholeConfig } from '../test-config.ts';

const NAMES = queueNames('shop', { topic: 'order_placed', subscription: 'mail' }, false);
const [deploy, judge] = subscriptionsOf(wholeConfig);
if (judge === undefined || deploy === undefined) throw new Error('the config has two subscriptions');

let codeFolder: string;
beforeAll(() => {
  codeFolder = mkdtempSync(join(tmpdir(), 'hikyaku-construct-'));
  writeFileSync(join(codeFolder, 'index.mjs'), 'export const handler = () => {};\n');
});
afterAll(() => rmSync(codeFolder, { recursive: true }));

const stack = () => new Stack(testApp(), 'test');

/** What is deployed, without what differs by what is in a bundle. */
function snapshotOf(of: Stack): unknown {
  const { Resources } = Template.fromStack(of).toJSON();
  return JSON.parse(JSON.stringify(Resources).replaceAll(/[0-9a-f]{64}/g, '<hash>'));
}

describe('MessageQueue', () => {
  const subscription = { leaseMs: 192_000, maxDeliveries: 25 };

  it('is a queue and its dead-letter queue', () => {
    const one = stack();
    const { messages, deadLetters } = new MessageQueue(one, 'Orders', { names: NAMES, subscription });
    expect([messages.fifo, deadLetters.fifo]).toEqual([false, false]);
    expect(snapshotOf(one)).toMatchSnapshot();
  });

  it('takes a key, and stays unless told otherwise', () => {
    const one = stack();
    const encryptionKey = Key.fromKeyArn(
      one,
      'Key',
      'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    );
    new MessageQueue(one, 'Orders', { names: NAMES, subscription, encryptionKey });
    Template.fromStack(one).allResourcesProperties('AWS::SQS::Queue', {
      KmsMasterKeyId: 'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      SqsManagedSseEnabled: Match.absent(),
    });
    Template.fromStack(one).allResources('AWS::SQS::Queue', { DeletionPolicy: 'Retain' });
  });
});

describe('SqsConsumer', () => {
  const props = () => ({ codeFolder, names: NAMES, environment: { TRANSPORT_URL: 'sqs://eu-west-1' } });

  it('is a function, what it may do, and what feeds it', () => {
    const one = stack();
    new SqsConsumer(one, 'Mail', { ...props(), subscription: judge.subscription });
    expect(snapshotOf(one)).toMatchSnapshot();
  });

  it('gathers, filters and decrypts as it is told', () => {
    const one = stack();
    const encryptionKey = Key.fromKeyArn(
      one,
      'Key',
      'arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
    );
    new SqsConsumer(one, 'Judge', { ...props(), encryptionKey, subscription: judge.subscription });
    new SqsConsumer(one, 'Deploy', { ...props(), encryptionKey, subscription: deploy.subscription });
    const template = Template.fromStack(one);
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      BatchSize: 50,
      MaximumBatchingWindowInSeconds: 5,
    });
    template.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      FilterCriteria: { Filters: [{ Pattern: '{"body":{"data":{"id":["a"]}}}' }] },
    });
    expect(JSON.stringify(template.toJSON())).toContain('"kms:GenerateDataKey"');
  });

  it('refuses a queue that would hand over what is still at work', () => {
    const leaseMs = judge.subscription.leaseMs - 1;
    const subscription = { ...judge.subscription, leaseMs };
    expect(() => new SqsConsumer(stack(), 'Mail', { ...props(), subscription })).toThrow(
      new InvalidConfig(
        `subscriptions.judge.leaseMs is ${leaseMs}: expected at least ${leaseMs + 1}, six times lambda.timeoutMs and lambda.windowMs, or messages come twice while ${NAMES.queue} is consumed`,
      ),
    );
  });

  it('refuses a FIFO queue with a window', () => {
    const names = queueNames('shop', { topic: 'order_placed', subscription: 'mail' }, true);
    const { subscription } = judge;
    expect(() => new SqsConsumer(stack(), 'Mail', { ...props(), names, subscription })).toThrow(
      /^subscriptions\.judge\.lambda\.windowMs is 5000: expected 0/,
    );
  });
});

describe('RedisConsumer', () => {
  const props = () => ({
    codeFolder,
    environment: {},
    statements: [],
    description: 'Drains order_placed/mail',
  });

  it('is a function, and a rule for each partition, no more at once', () => {
    const one = stack();
    const { timeout } = new RedisConsumer(one, 'Mail', { ...props(), subscription: deploy.subscription });
    expect(timeout.toMinutes()).toBe(5);
    expect(snapshotOf(one)).toMatchSnapshot();
    const template = Template.fromStack(one);
    template.resourceCountIs('AWS::Events::Rule', 2);
    template.hasResourceProperties('AWS::Lambda::Function', { ReservedConcurrentExecutions: 2 });
    for (const partition of [0, 1]) {
      template.hasResourceProperties('AWS::Events::Rule', {
        ScheduleExpression: 'rate(1 minute)',
        Targets: [Match.objectLike({ Input: JSON.stringify({ partition }) })],
      });
    }
  });

  it('has time for two handlers, and comes as often as it is told', () => {
    const one = stack();
    const subscription = { ...deploy.subscription, handlerTimeoutMs: 400_000 };
    const every = Duration.minutes(15);
    const { timeout } = new RedisConsumer(one, 'Mail', { ...props(), subscription, every });
    expect(timeout.toSeconds()).toBe(800);
    Template.fromStack(one).allResourcesProperties('AWS::Events::Rule', {
      ScheduleExpression: 'rate(15 minutes)',
    });
  });
});

/** A rule as CloudWatch gets it: CloudFormation names alarms, and puts their ARNs in. */
function deployed(
  rule: { 'Fn::Join': [string, (string | { 'Fn::GetAtt': [string, 'Arn'] })[]] },
  stack: string,
) {
  const [between, parts] = rule['Fn::Join'];
  const arnOf = (id: string): string =>
    `arn:aws-us-gov:cloudwatch:us-gov-west-1:123456789012:alarm:${stack}-${id}-${'X'.repeat(13)}`;
  return parts.map((part) => (typeof part === 'string' ? part : arnOf(part['Fn::GetAtt'][0]))).join(between);
}

describe('Alarms', () => {
  it('are about what they are told to watch, and about all of it', () => {
    const one = stack();
    const alarms = new Alarms(one, 'Alarms', { email: 'ops@example.com', thresholds: { oldestMinutes: 5 } });
    const address = { topic: 'order_placed', subscription: 'mail' };
    alarms.addQueue(address, NAMES);
    alarms.addStream({ ...address, subscription: 'stock' }, 'shop');
    alarms.addUnhealthy();
    expect(snapshotOf(one)).toMatchSnapshot();
  });

  it('are more than one of all where CloudWatch takes no more in one', () => {
    const one = stack();
    const alarms = new Alarms(one, 'Alarms');
    for (let n = 0; n < 26; n++) alarms.addQueue({ topic: `t${n}`, subscription: 's' }, NAMES);
    alarms.addUnhealthy();
    Template.fromStack(one).resourceCountIs('AWS::CloudWatch::CompositeAlarm', 3);
  });

  it('have rules that are short enough for CloudWatch, also with the longest names', () => {
    const longest = (length: number, n: number): string => `${n}`.padStart(length, 'x');
    const one = new Stack(testApp(), 'monitoring', { stackName: stackName('p'.repeat(16), 'monitoring') });
    const alarms = new Alarms(one, 'Alarms');
    for (let n = 0; n < 60; n++) {
      const address = { topic: longest(40, n), subscription: longest(16, n) };
      alarms.addQueue(address, queueNames('p', address, false));
      const name = `${address.topic}-${address.subscription}`;
      const lambda = LambdaFunction.fromFunctionName(one, name, name);
      alarms.addScheduled(name, lambda, Duration.minutes(1));
    }
    alarms.addUnhealthy();
    const rules = Object.values(Template.fromStack(one).findResources('AWS::CloudWatch::CompositeAlarm'));
    const lengths = rules.map(({ Properties }) => deployed(Properties.AlarmRule, one.stackName).length);
    expect(lengths).toHaveLength(6);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(10_240);
    expect(Math.max(...lengths)).toBeGreaterThan(9_000);
  });
});
