import { App, CfnWaitConditionHandle, Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { AlarmOptions } from '../src/config/deployment.ts';
import { emitModelEvent } from '../src/model-ready/events.ts';
import { measureModels } from '../src/model-ready/model-metrics.ts';
import { EVALUATE_WEBHOOK, SWEEP } from './bundles/functions.ts';
import type { CacheMetrics } from './constructs/cache-alarms.ts';
import { completeDeployment } from './deployment.ts';
import type { DeployedFunction } from './functions-stack.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { testConfig } from './test-config.ts';

/** With one function, `mail`, of 30 s; on Redis it is a drain. */
function monitoring(options: { alarms?: AlarmOptions; cache?: CacheMetrics } = {}): Template {
  const redis = options.cache && { drainEvery: Duration.minutes(1), cache: options.cache };
  const app = new App();
  const functions = new Stack(app, 'functions');
  new CfnWaitConditionHandle(functions, 'Something');
  const arn = 'arn:aws:lambda:eu-west-1:123456789012:function:mail';
  const lambda = LambdaFunction.fromFunctionArn(functions, 'mail', arn);
  return Template.fromStack(
    new MonitoringStack(app, 'test', {
      config: testConfig,
      alarms: completeDeployment({ alarms: options.alarms ?? {} }).alarms,
      functions: [{ name: 'mail', lambda, timeout: Duration.seconds(30), scheduled: redis !== undefined }],
      redis,
    }),
  );
}

/** With one function of 15 s. */
function watching(name: string, changes: Partial<DeployedFunction> = {}): Template {
  const app = new App();
  const lambda = LambdaFunction.fromFunctionName(new Stack(app, 'functions'), name, name);
  return Template.fromStack(
    new MonitoringStack(app, 'test', {
      config: testConfig,
      alarms: completeDeployment({}).alarms,
      functions: [{ name, lambda, timeout: Duration.seconds(15), scheduled: false, ...changes }],
    }),
  );
}

/** What each alarm is about: `<metric> > <threshold>`, by its logical id without the hash. */
function alarmsOf(template: Template): Record<string, string> {
  const found = Object.entries(template.findResources('AWS::CloudWatch::Alarm'));
  return Object.fromEntries(
    found.map(([id, { Properties }]) => {
      const { MetricName, Threshold, Metrics, ComparisonOperator, ExtendedStatistic } = Properties;
      const what = MetricName ?? Metrics[0].Expression;
      const compare = ComparisonOperator === 'LessThanThreshold' ? '<' : '>';
      const name = id.replace(/^Alarms/, '').replace(/[0-9A-F]{8}$/, '');
      return [
        name,
        [ExtendedStatistic, what, compare, Threshold].filter((part) => part !== undefined).join(' '),
      ];
    }),
  );
}

describe('the monitoring stack on SQS', () => {
  let template: Template;
  beforeAll(() => {
    template = monitoring();
  });

  it('has every alarm that one should have, by default', () => {
    const queue = (name: string) => ({
      [`${name}dead`]: 'ApproximateNumberOfMessagesVisible > 0',
      [`${name}old`]: 'ApproximateAgeOfOldestMessage > 1800',
      [`${name}inflight`]: 'ApproximateNumberOfMessagesNotVisible > 100000',
    });
    expect(alarmsOf(template)).toEqual({
      ...queue('modelreadytodeploydeploy'),
      ...queue('modelreadytodeployaudit'),
      ...queue('orderplacedmail'),
      mailerrors: '100 * errors / MAX([errors, invocations]) > 5',
      mailthrottles: 'Throttles > 0',
      mailduration: 'p99 Duration > 24000',
    });
  });

  it('alarms at the first dead letter, and goes on while somebody looks at it', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0,
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateNumberOfMessagesVisible',
      Dimensions: [{ Name: 'QueueName', Value: 'test-order_placed-mail-dlq' }],
      Statistic: 'Maximum',
      Period: 60,
      EvaluationPeriods: 2,
      DatapointsToAlarm: 1,
      TreatMissingData: 'notBreaching',
    });
  });

  it('alarms at the first approval that a function failed at, and delivery is unhealthy', () => {
    const app = new App();
    const functions = new Stack(app, 'functions');
    const failed = new Queue(functions, 'Failed');
    const lambda = LambdaFunction.fromFunctionName(functions, 'webhook', 'webhook');
    const template = Template.fromStack(
      new MonitoringStack(app, 'test', {
        config: testConfig,
        alarms: completeDeployment({ alarms: { thresholds: { deadLetters: 10 } } }).alarms,
        functions: [{ name: 'webhook', lambda, timeout: Duration.seconds(15), scheduled: false, failed }],
      }),
    );
    expect(alarmsOf(template)).toMatchObject({ webhookfailed: 'ApproximateNumberOfMessagesVisible > 0' });
    const [composite] = Object.values(template.findResources('AWS::CloudWatch::CompositeAlarm'));
    expect(JSON.stringify(composite?.['Properties'].AlarmRule)).toContain('Alarmswebhookfailed');
  });

  it.each([
    ['refused', 401, 'not with this secret'],
    ['failedanswers', 503, 'the carrier is away'],
  ])('alarms at the first delivery of MLflow that is lost: %s', (alarm, status, reason) => {
    const template = watching(EVALUATE_WEBHOOK.name);
    // The very line that the function writes.
    let line = '';
    const stop = measureModels(testConfig.prefix, (text) => (line = text));
    const nobody = { model_name: null, model_version: null };
    emitModelEvent({ event: 'refused', ...nobody, status, reason, delivery: true });
    stop();
    const { _aws, ...written } = JSON.parse(line);
    const [{ Namespace, Dimensions, Metrics }] = _aws.CloudWatchMetrics;
    const [dimension] = Dimensions[0];
    const found = Object.entries(template.findResources('AWS::CloudWatch::Alarm')).find(([id]) =>
      id.startsWith(`Alarmsevaluatewebhook${alarm}`),
    );
    expect(found?.[1]['Properties']).toMatchObject({
      Namespace,
      MetricName: Metrics[0].Name,
      Dimensions: [{ Name: dimension, Value: written[dimension] }],
      Statistic: 'Sum',
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      AlarmDescription: expect.stringContaining('hikyaku sweep --since 1h'),
    });
  });

  it('alarms at the first 5xx of the URL, also if the function gives no answer', () => {
    const template = watching(EVALUATE_WEBHOOK.name);
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/Lambda',
      MetricName: 'Url5xxCount',
      Dimensions: [{ Name: 'FunctionName', Value: Match.anyValue() }],
      Unit: Match.absent(),
      Statistic: 'Sum',
      Period: 300,
      EvaluationPeriods: 1,
      Threshold: 0,
      ComparisonOperator: 'GreaterThanThreshold',
      TreatMissingData: 'notBreaching',
    });
  });

  it('looks at as many hours of what is invoked every hour', () => {
    const template = watching(SWEEP.name, { timeout: Duration.minutes(5), every: Duration.hours(1) });
    const period = Match.objectLike({ MetricStat: Match.objectLike({ Period: 3_600 }) });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('invocations of sweep fail'),
      Metrics: Match.arrayWith([period, period]),
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
    });
  });

  it('bears one bad period of errors, and not two of three', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      AlarmDescription: Match.stringLikeRegexp('invocations of mail fail'),
      EvaluationPeriods: 3,
      DatapointsToAlarm: 2,
    });
  });

  it('takes thresholds from the config', () => {
    const thresholds = { oldestMinutes: 5, durationPercent: 50, deadLetters: 10 };
    expect(alarmsOf(monitoring({ alarms: { thresholds } }))).toMatchObject({
      orderplacedmailold: 'ApproximateAgeOfOldestMessage > 300',
      orderplacedmaildead: 'ApproximateNumberOfMessagesVisible > 10',
      mailduration: 'p99 Duration > 15000',
    });
  });

  it('says that delivery is unhealthy while messages die, wait for too long, or functions fail', () => {
    template.resourceCountIs('AWS::CloudWatch::CompositeAlarm', 1);
    const [composite] = Object.values(template.findResources('AWS::CloudWatch::CompositeAlarm'));
    const rule = JSON.stringify(composite?.['Properties'].AlarmRule);
    const children = [...rule.matchAll(/"Alarms([a-z]+)[0-9A-F]{8}"/g)].map(([, id]) => id);
    expect(children).toEqual([
      'modelreadytodeploydeploydead',
      'modelreadytodeploydeployold',
      'modelreadytodeployauditdead',
      'modelreadytodeployauditold',
      'orderplacedmaildead',
      'orderplacedmailold',
      'mailerrors',
    ]);
  });

  it('tells one topic of every alarm, which CloudWatch of this account may publish on', () => {
    template.resourceCountIs('AWS::SNS::Topic', 1);
    template.resourceCountIs('AWS::SNS::Subscription', 0);
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [{ Ref: topic }] });
    template.allResourcesProperties('AWS::CloudWatch::CompositeAlarm', { AlarmActions: [{ Ref: topic }] });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
            Condition: { StringEquals: { 'aws:SourceAccount': { Ref: 'AWS::AccountId' } } },
          }),
        ]),
      },
    });
  });

  it('sends a mail to whom the config names', () => {
    monitoring({ alarms: { email: 'ops@example.com' } }).hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'ops@example.com',
    });
  });

  it('has a dashboard with a row for each subscription', () => {
    const body = dashboardOf(template);
    for (const name of [
      'model_ready_to_deploy / deploy',
      'model_ready_to_deploy / audit',
      'order_placed / mail',
    ])
      expect(body).toContain(`## ${name}`);
    for (const name of [
      'published',
      'handled',
      'retried',
      'postponed',
      'dead_lettered',
      'lost_leases',
      'handler_ms',
      'end_to_end_ms',
    ])
      expect(body).toContain(`"Hikyaku","${name}"`);
    expect(body).toContain('"AWS/SQS","ApproximateAgeOfOldestMessage"');
  });
});

function dashboardOf(template: Template): string {
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  return JSON.stringify(dashboard?.['Properties'].DashboardBody).replaceAll('\\"', '"');
}

describe('the monitoring stack on Redis', () => {
  const stream = (name: string) => ({
    [`${name}dead`]: 'dead_letters > 0',
    [`${name}old`]: 'oldest_pending_ms > 1800000',
    [`${name}lag`]: 'lag > 10000',
    [`${name}pending`]: 'pending > 10000',
  });
  const drained = {
    ...stream('modelreadytodeploydeploy'),
    ...stream('modelreadytodeployaudit'),
    ...stream('orderplacedmail'),
    mailerrors: '100 * errors / MAX([errors, invocations]) > 5',
    mailheartbeat: 'Invocations < 1',
  };

  it('alarms about drains, and about each node', () => {
    const template = monitoring({ cache: { kind: 'nodes', nodeIds: ['x-0001-001', 'x-0001-002'] } });
    const node = (n: number) => ({
      [`node${n}cpu`]: 'EngineCPUUtilization > 80',
      [`node${n}memory`]: 'DatabaseMemoryUsagePercentage > 75',
      [`node${n}evictions`]: 'Evictions > 0',
      [`node${n}connections`]: 'CurrConnections > 50000',
      [`node${n}replicationlag`]: 'ReplicationLag > 5',
    });
    expect(alarmsOf(template)).toEqual({ ...drained, ...node(1), ...node(2) });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Evictions',
      Dimensions: [{ Name: 'CacheClusterId', Value: 'x-0001-002' }],
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'lag',
      Namespace: 'Hikyaku',
      Dimensions: [
        { Name: 'prefix', Value: 'test' },
        { Name: 'subscription', Value: 'mail' },
        { Name: 'topic', Value: 'order_placed' },
      ],
    });
    // Who is not invoked leaves no data.
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'Invocations',
      TreatMissingData: 'breaching',
    });
    expect(dashboardOf(template)).toContain('"Hikyaku","lag"');
  });

  it('alarms about what a serverless cache refuses, holds and takes its time for', () => {
    const template = monitoring({ cache: { kind: 'serverless', name: 'x-messages' } });
    expect(alarmsOf(template)).toEqual({
      ...drained,
      cachethrottled: 'ThrottledCmds > 0',
      cachebytes: `BytesUsedForCache > ${1024 ** 3}`,
      cachelatency: 'p99 SuccessfulWriteRequestLatency > 10000',
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      MetricName: 'ThrottledCmds',
      Dimensions: [{ Name: 'clusterId', Value: 'x-messages' }],
    });
  });
});
