import { Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { MetricName } from '../../src/observe/metrics.ts';
import type { QueueNames } from '../../src/transport/names.ts';
import type { Address } from '../../src/transport/transport.ts';
import type { CacheMetrics } from './cache-alarms.ts';
import { queueByName } from './message-queue.ts';
import { cacheMetric, ownMetric } from './metrics.ts';

export interface DeliveryDashboardProps {
  /** Of the installation. */
  readonly prefix: string;
  /** Whether all is well. */
  readonly unhealthy: IAlarm;
  readonly topics: readonly string[];
}

const WIDTH = 24;
const HEIGHT = 6;
const PERIOD = { period: Duration.minutes(5) };

/** One page: what is published, a row for each subscription, the functions, and the cache. */
export class DeliveryDashboard extends Construct {
  readonly dashboard: Dashboard;
  readonly #prefix: string;

  constructor(scope: Construct, id: string, { prefix, unhealthy, topics }: DeliveryDashboardProps) {
    super(scope, id);
    this.#prefix = prefix;
    this.dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(12) });
    this.#row(
      new AlarmStatusWidget({ title: 'delivery', alarms: [unhealthy], height: HEIGHT, width: 6 }),
      graph(
        'published',
        topics.map((topic) => ownMetric('published', prefix, { topic }, { label: topic })),
        18,
      ),
    );
  }

  /** A subscription on SQS. */
  addQueue(address: Address, names: QueueNames): void {
    const id = `${address.topic}-${address.subscription}`;
    const queue = queueByName(this, `${id}-queue`, names.queue);
    const dead = queueByName(this, `${id}-dead-letters`, names.deadLetterQueue);
    const maximum = { ...PERIOD, statistic: 'Maximum' };
    this.#subscription(
      address,
      [
        queue.metricApproximateNumberOfMessagesVisible({ ...maximum, label: 'ready' }),
        queue.metricApproximateNumberOfMessagesNotVisible({ ...maximum, label: 'in flight' }),
        dead.metricApproximateNumberOfMessagesOutstanding({ ...maximum, label: 'dead' }),
      ],
      queue.metricApproximateAgeOfOldestMessage({ ...maximum, label: 'oldest, s' }),
    );
  }

  /** A subscription on Redis. */
  addStream(address: Address): void {
    const metric = (name: MetricName, label: string) =>
      ownMetric(name, this.#prefix, address, { statistic: 'Maximum', label });
    this.#subscription(
      address,
      [
        metric('lag', 'not received'),
        metric('pending', 'in flight'),
        metric('depth', 'not done'),
        metric('dead_letters', 'dead'),
      ],
      metric('oldest_pending_ms', 'oldest, ms'),
    );
  }

  addFunctions(functions: readonly { readonly name: string; readonly lambda: IFunction }[]): void {
    const each = (metric: (lambda: IFunction, label: string) => IMetric) =>
      functions.map(({ name, lambda }) => metric(lambda, name));
    this.#row(
      graph(
        'invocations',
        each((lambda, label) => lambda.metricInvocations({ ...PERIOD, label })),
        8,
      ),
      graph(
        'errors',
        each((lambda, label) => lambda.metricErrors({ ...PERIOD, label })),
        8,
      ),
      graph(
        'duration, p99',
        each((lambda, label) => lambda.metricDuration({ ...PERIOD, statistic: 'p99', label })),
        8,
      ),
    );
  }

  addCache(cache: CacheMetrics): void {
    const nodes = cache.kind === 'nodes' ? cache.nodeIds.map((CacheClusterId) => ({ CacheClusterId })) : [];
    const each = (name: string) =>
      cache.kind === 'nodes'
        ? nodes.map((dimensions, index) => cacheMetric(name, dimensions, { label: `node ${index + 1}` }))
        : [cacheMetric(name, { clusterId: cache.name }, { label: 'cache' })];
    const names =
      cache.kind === 'nodes'
        ? ['EngineCPUUtilization', 'DatabaseMemoryUsagePercentage', 'CurrConnections']
        : ['ElastiCacheProcessingUnits', 'BytesUsedForCache', 'ThrottledCmds'];
    this.#row(...names.map((name) => graph(name, each(name), 8)));
  }

  #subscription(address: Address, standing: IMetric[], oldest: IMetric): void {
    const own = (name: MetricName, statistic: string, label: string) =>
      ownMetric(name, this.#prefix, address, { statistic, label });
    this.#row(
      new TextWidget({ markdown: `## ${address.topic} / ${address.subscription}`, width: WIDTH, height: 1 }),
    );
    this.#row(
      graph('standing', standing, 6),
      graph('oldest', [oldest], 6),
      graph(
        'ended',
        [
          own('handled', 'Sum', 'handled'),
          own('retried', 'Sum', 'retried'),
          own('postponed', 'Sum', 'postponed'),
          own('dead_lettered', 'Sum', 'dead-lettered'),
          own('lost_leases', 'Sum', 'leases lost'),
        ],
        6,
      ),
      graph(
        'ms',
        [
          own('handler_ms', 'p50', 'handler, p50'),
          own('handler_ms', 'p99', 'handler, p99'),
          own('end_to_end_ms', 'p50', 'end to end, p50'),
          own('end_to_end_ms', 'p99', 'end to end, p99'),
        ],
        6,
      ),
    );
  }

  #row(...widgets: IWidget[]): void {
    this.dashboard.addWidgets(...widgets);
  }
}

function graph(title: string, left: IMetric[], width: number): GraphWidget {
  return new GraphWidget({ title, left, width, height: HEIGHT, leftYAxis: { min: 0, showUnits: false } });
}
