import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { queueNames } from '../src/transport/names.ts';
import { queueByName } from './constructs/message-queue.ts';

export interface MonitoringStackProps extends StackProps {
  readonly config: Config;
}

/** Longer than a message waits between two attempts by the default policy, twice over. */
const TOO_OLD = Duration.minutes(30);

/** Two alarms for each subscription, which all tell one SNS topic. */
export class MonitoringStack extends Stack {
  constructor(scope: Construct, id: string, { config, ...props }: MonitoringStackProps) {
    super(scope, id, props);
    const topic = new Topic(this, 'Alarms', { enforceSSL: true });
    // Its policy replaces the one that lets everything in the account publish.
    topic.grantPublish(
      new ServicePrincipal('cloudwatch.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account } },
      }),
    );
    const action = new SnsAction(topic);

    for (const { address, topic: source } of subscriptionsOf(config)) {
      const id = `${address.topic}-${address.subscription}`;
      const names = queueNames(config.prefix, address, source.ordered);
      const deadLetters = queueByName(this, `${id}-dead-letters`, names.deadLetterQueue);
      const queue = queueByName(this, `${id}-queue`, names.queue);
      const alarm = (name: string, alarmDescription: string, metric: IMetric, threshold: number) =>
        new Alarm(this, `${id}-${name}`, {
          alarmDescription,
          metric,
          threshold,
          evaluationPeriods: 1,
          comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
          treatMissingData: TreatMissingData.NOT_BREACHING,
        }).addAlarmAction(action);

      alarm(
        'dead',
        `Dead letters stand in ${names.deadLetterQueue}: see hikyaku dlq list ${address.topic}/${address.subscription}`,
        // Whoever looks at a dead letter hides it for a while, so both are counted.
        deadLetters.metricApproximateNumberOfMessagesOutstanding({
          statistic: 'Maximum',
          period: Duration.minutes(1),
        }),
        0,
      );
      alarm(
        'old',
        `A message has waited in ${names.queue} for more than ${TOO_OLD.toMinutes()} minutes`,
        queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum', period: Duration.minutes(5) }),
        TOO_OLD.toSeconds(),
      );
    }
    new CfnOutput(this, 'AlarmTopic', {
      description: 'Subscribe to it to hear alarms',
      value: topic.topicArn,
    });
  }
}
