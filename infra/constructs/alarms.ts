import { Duration, Stack } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmBase,
  type AlarmProps,
  AlarmRule,
  AlarmState,
  ComparisonOperator,
  CompositeAlarm,
  type IAlarm,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { AlarmThresholds } from '../../src/config/deployment.ts';
import type { QueueNames } from '../../src/transport/names.ts';
import type { Address } from '../../src/transport/transport.ts';
import { DEFAULT_THRESHOLDS } from '../deployment.ts';
import { queueByName } from './message-queue.ts';
import { modelMetric, ownMetric } from './metrics.ts';

export interface AlarmsProps {
  /**
   * Gets a mail for each alarm.
   *
   * @default nobody
   */
  readonly email?: string;
  /**
   * Above what alarms go off.
   *
   * @default those of the config's `deployment.alarms.thresholds`
   */
  readonly thresholds?: Partial<AlarmThresholds>;
}

/** What an alarm says besides its metric and threshold. */
export interface AlarmOptions
  extends Partial<
    Pick<AlarmProps, 'evaluationPeriods' | 'datapointsToAlarm' | 'comparisonOperator' | 'treatMissingData'>
  > {
  readonly alarmDescription: string;
  /**
   * Whether messages are in danger as long as it goes off: it is part of "delivery unhealthy".
   *
   * @default false
   */
  readonly symptom?: boolean;
}

/** CloudWatch takes 100 in a rule, and 10,240 characters: an alarm with the longest names takes nearly 200 of them. */
const MOST_CHILDREN = 50;

/** Alarms that all tell one SNS topic; and one of them all, that delivery is unhealthy. */
export class Alarms extends Construct {
  readonly topic: Topic;
  readonly thresholds: AlarmThresholds;
  readonly #symptoms: IAlarm[] = [];

  constructor(scope: Construct, id: string, { email, thresholds }: AlarmsProps = {}) {
    super(scope, id);
    this.thresholds = { ...DEFAULT_THRESHOLDS, ...thresholds };
    this.topic = new Topic(this, 'Topic', { enforceSSL: true });
    // Its policy replaces the one that lets everything in the account publish.
    this.topic.grantPublish(
      new ServicePrincipal('cloudwatch.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    );
    if (email !== undefined) this.topic.addSubscription(new EmailSubscription(email));
  }

  /** Of a subscription on SQS: its dead letters, its age, and how much of it is in flight. */
  addQueue(address: Address, names: QueueNames): void {
    const id = `${address.topic}-${address.subscription}`;
    const { deadLetters, oldestMinutes, inFlight } = this.thresholds;
    const dead = queueByName(this, `${id}-dead-letters`, names.deadLetterQueue);
    const queue = queueByName(this, `${id}-queue`, names.queue);
    const maximum = { statistic: 'Maximum', period: Duration.minutes(5) };
    this.#addStanding(
      `${id}-dead`,
      deadLetters,
      dead,
      `Dead letters stand in ${names.deadLetterQueue}: see hikyaku dlq list ${address.topic}/${address.subscription}`,
    );
    this.add(`${id}-old`, oldestMinutes * 60, queue.metricApproximateAgeOfOldestMessage(maximum), {
      alarmDescription: `A message has waited in ${names.queue} for more than ${oldestMinutes} minutes`,
      symptom: true,
    });
    this.add(`${id}-in-flight`, inFlight, queue.metricApproximateNumberOfMessagesNotVisible(maximum), {
      alarmDescription: `More than ${inFlight} messages of ${names.queue} are in flight: SQS hands over no more than 120,000`,
    });
  }

  /** Of a subscription on Redis, from what its drains tell. */
  addStream(address: Address, prefix: string): void {
    const id = `${address.topic}-${address.subscription}`;
    const name = `${address.topic}/${address.subscription}`;
    const { deadLetters, oldestMinutes, lag, pending } = this.thresholds;
    const metric = (metricName: Parameters<typeof ownMetric>[0]) =>
      ownMetric(metricName, prefix, address, { statistic: 'Maximum' });
    this.add(`${id}-dead`, deadLetters, metric('dead_letters'), {
      alarmDescription: `Dead letters of ${name} stand on Redis: see hikyaku dlq list ${name}`,
      symptom: true,
    });
    this.add(`${id}-old`, oldestMinutes * 60_000, metric('oldest_pending_ms'), {
      alarmDescription: `A message of ${name} has waited for more than ${oldestMinutes} minutes`,
      symptom: true,
    });
    this.add(`${id}-lag`, lag, metric('lag'), {
      alarmDescription: `More than ${lag} messages of ${name} are not received: drain more often, or in more partitions`,
    });
    this.add(`${id}-pending`, pending, metric('pending'), {
      alarmDescription: `More than ${pending} messages of ${name} are with handlers, or with consumers that have gone`,
    });
  }

  /**
   * Of a function: its errors, what is refused to it, and how near to its timeout it comes.
   *
   * @param every How often it is invoked, if by a schedule.
   */
  addFunction(name: string, lambda: IFunction, timeout: Duration, every?: Duration): void {
    const { throttles, durationPercent } = this.thresholds;
    this.#addErrors(name, lambda, every);
    this.add(`${name}-throttles`, throttles, lambda.metricThrottles({ period: Duration.minutes(5) }), {
      alarmDescription: `${name} was refused invocations: the account, or the function, may run no more at once`,
    });
    const p99 = lambda.metricDuration({ statistic: 'p99', period: Duration.minutes(5) });
    this.add(`${name}-duration`, (timeout.toMilliseconds() * durationPercent) / 100, p99, {
      alarmDescription: `One in a hundred invocations of ${name} takes more than ${durationPercent} % of its ${timeout.toSeconds()} s`,
    });
  }

  /** Of a function that is invoked without anybody waiting for the answer: what it failed at. */
  addFailed(name: string, queue: IQueue): void {
    this.#addStanding(
      `${name}-failed`,
      0,
      queue,
      `${name} failed at what stands in ${queue.queueName}, and nobody tries it again: invoke it anew`,
    );
  }

  /**
   * Of the function that registries call: an answer of 4xx or 5xx is no error of Lambda. MLflow forgets what it could not
   * deliver, so one is enough.
   */
  addWebhook(name: string, lambda: IFunction, prefix: string): void {
    this.add(`${name}-refused`, 0, modelMetric('webhook_refused', prefix), {
      alarmDescription: `${name} refused a delivery of MLflow, which does not repeat it: check its secret and the log, then run hikyaku sweep --since 1h`,
      symptom: true,
    });
    this.add(`${name}-failed-answers`, 0, modelMetric('webhook_failed', prefix), {
      alarmDescription: `${name} answered MLflow with 5xx, which repeats a delivery for some seconds only: once the carrier is back, run hikyaku sweep --since 1h`,
      symptom: true,
    });
    // The function may end without an answer: it is too slow, out of memory, or does not start.
    const unanswered = lambda.metric('Url5xxCount', { statistic: 'Sum', period: Duration.minutes(5) });
    this.add(`${name}-url-5xx`, 0, unanswered, {
      alarmDescription: `The URL of ${name} answered with 5xx, perhaps before the function could: see its log, then run hikyaku sweep --since 1h`,
      symptom: true,
    });
  }

  /** Of a function on a schedule: its errors, and that it is invoked at all. It may use all of its time. */
  addScheduled(name: string, lambda: IFunction, every: Duration): void {
    this.#addErrors(name, lambda);
    const minutes = Math.max(5, 3 * every.toMinutes());
    const invocations = lambda.metricInvocations({ period: Duration.minutes(minutes) });
    this.add(`${name}-heartbeat`, 1, invocations, {
      alarmDescription: `${name} was not invoked for ${minutes} minutes: nobody drains`,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.BREACHING,
      symptom: true,
    });
  }

  /** Any other: it goes off above the threshold, and tells the topic. */
  add(id: string, threshold: number, metric: IMetric, { symptom = false, ...options }: AlarmOptions): void {
    const alarm = new Alarm(this, id, {
      metric,
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
      ...options,
    });
    this.#tell(alarm);
    if (symptom) this.#symptoms.push(alarm);
  }

  /** To be called last: the alarm that goes off as long as one of those does that put messages in danger. */
  addUnhealthy(): CompositeAlarm {
    const groups = Array.from({ length: Math.ceil(this.#symptoms.length / MOST_CHILDREN) }, (_, index) =>
      this.#symptoms.slice(index * MOST_CHILDREN, (index + 1) * MOST_CHILDREN),
    );
    const [only = [], ...more] = groups;
    const children =
      more.length === 0
        ? only
        : groups.map((group, index) => this.#composite(`DeliveryUnhealthy${index + 1}`, group));
    const unhealthy = this.#composite('DeliveryUnhealthy', children);
    this.#tell(unhealthy);
    return unhealthy;
  }

  #composite(id: string, children: readonly IAlarm[]): CompositeAlarm {
    return new CompositeAlarm(this, id, {
      alarmDescription: 'Delivery is unhealthy: messages die, wait for too long, or nobody takes them',
      alarmRule: AlarmRule.anyOf(...children.map((one) => AlarmRule.fromAlarm(one, AlarmState.ALARM))),
    });
  }

  #tell(alarm: AlarmBase): void {
    alarm.addAlarmAction(new SnsAction(this.topic));
  }

  #addStanding(id: string, threshold: number, queue: IQueue, alarmDescription: string): void {
    const standing = queue.metricApproximateNumberOfMessagesVisible({
      statistic: 'Maximum',
      period: Duration.minutes(1),
    });
    this.add(id, threshold, standing, {
      alarmDescription,
      // Whoever looks at a message hides it for half a minute: it counts as gone when two have passed without it.
      evaluationPeriods: 2,
      datapointsToAlarm: 1,
      symptom: true,
    });
  }

  /** It looks at two of three periods, and each must have an invocation. */
  #addErrors(name: string, lambda: IFunction, period = Duration.minutes(5)): void {
    const { errorPercent } = this.thresholds;
    const options = { period };
    const rate = new MathExpression({
      expression: '100 * errors / MAX([errors, invocations])',
      usingMetrics: { errors: lambda.metricErrors(options), invocations: lambda.metricInvocations(options) },
      label: 'failed invocations, %',
      ...options,
    });
    this.add(`${name}-errors`, errorPercent, rate, {
      alarmDescription: `More than ${errorPercent} % of the invocations of ${name} fail`,
      evaluationPeriods: 3,
      datapointsToAlarm: 2,
      symptom: true,
    });
  }
}
