import { METRICS_NAMESPACE } from './metrics.ts';

/** Whether a metric is in milliseconds, by its name; the others are counts. */
export const isTime = (name: string): boolean => name.endsWith('_ms');

/** One line in CloudWatch's embedded metric format, from which CloudWatch makes these metrics by itself. */
export function metricLine(
  dimensions: Readonly<Record<string, string>>,
  values: ReadonlyMap<string, readonly number[]>,
): string {
  return JSON.stringify({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: METRICS_NAMESPACE,
          Dimensions: [Object.keys(dimensions)],
          Metrics: Array.from(values.keys(), (Name) => ({
            Name,
            Unit: isTime(Name) ? 'Milliseconds' : 'Count',
          })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(Array.from(values, ([name, all]) => [name, all.length === 1 ? all[0] : all])),
  });
}
