import { CfnOutput, type Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { queueNames } from '../src/transport/names.ts';
import { EVALUATE_WEBHOOK } from './bundles/functions.ts';
import { Alarms } from './constructs/alarms.ts';
import { addCacheAlarms, type CacheMetrics } from './constructs/cache-alarms.ts';
import { DeliveryDashboard } from './constructs/delivery-dashboard.ts';
import type { Deployment } from './deployment.ts';
import type { DeployedFunction } from './functions-stack.ts';

export interface MonitoringStackProps extends StackProps {
  readonly config: Config;
  readonly alarms: Deployment['alarms'];
  readonly functions: readonly DeployedFunction[];
  /** Where Redis carries the messages: how often it is drained, and what is known of its cache, if it is ours. */
  readonly redis?: { readonly drainEvery: Duration; readonly cache?: CacheMetrics } | undefined;
}

/** Alarms about everything that carries a message, which tell one SNS topic; and a dashboard. */
export class MonitoringStack extends Stack {
  constructor(scope: Construct, id: string, props: MonitoringStackProps) {
    const { config, alarms: options, functions, redis, ...stackProps } = props;
    super(scope, id, stackProps);
    const { prefix } = config;
    const alarms = new Alarms(this, 'Alarms', options);
    for (const { address, topic } of subscriptionsOf(config)) {
      if (redis) alarms.addStream(address, prefix);
      else alarms.addQueue(address, queueNames(prefix, address, topic.ordered));
    }
    for (const { name, lambda, timeout, scheduled, every, failed } of functions) {
      if (scheduled && redis) alarms.addScheduled(name, lambda, redis.drainEvery);
      else alarms.addFunction(name, lambda, timeout, every);
      if (failed) alarms.addFailed(name, failed);
      if (name === EVALUATE_WEBHOOK.name) alarms.addWebhook(name, lambda, prefix);
    }
    if (redis?.cache) addCacheAlarms(alarms, redis.cache);

    const dashboard = new DeliveryDashboard(this, 'Delivery', {
      prefix,
      unhealthy: alarms.addUnhealthy(),
      topics: config.topics.map(({ name }) => name),
    });
    for (const { address, topic } of subscriptionsOf(config)) {
      if (redis) dashboard.addStream(address);
      else dashboard.addQueue(address, queueNames(prefix, address, topic.ordered));
    }
    dashboard.addFunctions(functions);
    if (redis?.cache) dashboard.addCache(redis.cache);
    new CfnOutput(this, 'AlarmTopic', {
      description: 'Subscribe to it to hear alarms',
      value: alarms.topic.topicArn,
    });
  }
}
