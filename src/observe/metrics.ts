/** The namespace of this project's own metrics in CloudWatch. */
export const METRICS_NAMESPACE = 'Hikyaku';

/**
 * Their names and units. All have the dimensions `prefix`, `topic` and `subscription`; only `published` has no
 * subscription. Those from `depth` on are told by drains, at their ends.
 */
export const METRICS = {
  published: 'Count',
  handled: 'Count',
  retried: 'Count',
  dead_lettered: 'Count',
  lost_leases: 'Count',
  /** How long a handler took. */
  handler_ms: 'Milliseconds',
  /** From when the carrier took a message until it was handled. */
  end_to_end_ms: 'Milliseconds',
  /** Messages that are not done: not received, with a handler, or waiting for their retry. */
  depth: 'Count',
  /** Messages that nobody has received yet. */
  lag: 'Count',
  /** Messages that are with a handler. */
  pending: 'Count',
  dead_letters: 'Count',
  /** The age of the oldest message that the drain received. */
  oldest_pending_ms: 'Milliseconds',
} as const;

export type MetricName = keyof typeof METRICS;
