import { Duration } from 'aws-cdk-lib';
import { Metric, type MetricOptions } from 'aws-cdk-lib/aws-cloudwatch';
import type { ModelMetricName } from '../../src/model-ready/model-metrics.ts';
import { METRICS_NAMESPACE, type MetricName } from '../../src/observe/metrics.ts';
import type { Address } from '../../src/transport/transport.ts';

/** A metric that functions write themselves, of a topic, or of one of its subscriptions. */
export function ownMetric(
  metricName: MetricName,
  prefix: string,
  { topic, subscription }: Pick<Address, 'topic'> & Partial<Address>,
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { prefix, topic, ...(subscription !== undefined && { subscription }) },
    statistic: 'Sum',
    period: Duration.minutes(5),
    ...options,
  });
}

/** A metric that functions write of what happens to models. */
export function modelMetric(metricName: ModelMetricName, prefix: string): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName,
    dimensionsMap: { prefix },
    statistic: 'Sum',
    period: Duration.minutes(5),
  });
}

/** A metric of a node of ElastiCache, or of a serverless cache. */
export function cacheMetric(
  metricName: string,
  dimensionsMap: Readonly<Record<string, string>>,
  options: MetricOptions = {},
): Metric {
  return new Metric({
    namespace: 'AWS/ElastiCache',
    metricName,
    dimensionsMap: { ...dimensionsMap },
    statistic: 'Maximum',
    period: Duration.minutes(5),
    ...options,
  });
}
