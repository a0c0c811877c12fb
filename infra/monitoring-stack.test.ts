import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, it } from 'vitest';
import { MonitoringStack } from './monitoring-stack.ts';
import { testConfig } from './test-config.ts';

describe('the monitoring stack', () => {
  let template: Template;
  beforeAll(() => {
    template = Template.fromStack(new MonitoringStack(new App(), 'test', { config: testConfig }));
  });

  const metric = (MetricName: string, queue: string) =>
    Match.objectLike({
      MetricStat: Match.objectLike({
        Metric: {
          Namespace: 'AWS/SQS',
          MetricName,
          Dimensions: [{ Name: 'QueueName', Value: queue }],
        },
        Stat: 'Maximum',
      }),
    });

  it('alarms at the first dead letter, also while somebody looks at it', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 0,
      EvaluationPeriods: 1,
      TreatMissingData: 'notBreaching',
      Metrics: [
        Match.objectLike({ Expression: 'visible + notVisible' }),
        metric('ApproximateNumberOfMessagesVisible', 'test-order_placed-mail-dlq'),
        metric('ApproximateNumberOfMessagesNotVisible', 'test-order_placed-mail-dlq'),
      ],
    });
  });

  it('alarms when a message has waited half an hour', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/SQS',
      MetricName: 'ApproximateAgeOfOldestMessage',
      Dimensions: [{ Name: 'QueueName', Value: 'test-order_placed-mail' }],
      Statistic: 'Maximum',
      ComparisonOperator: 'GreaterThanThreshold',
      Threshold: 1800,
    });
  });

  it('tells one topic of every alarm, which CloudWatch of this account may publish on', () => {
    template.resourceCountIs('AWS::SNS::Topic', 1);
    template.resourceCountIs('AWS::CloudWatch::Alarm', 6);
    const [topic] = Object.keys(template.findResources('AWS::SNS::Topic'));
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [{ Ref: topic }] });
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
});
