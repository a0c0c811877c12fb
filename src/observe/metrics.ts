/** The namespace of this project's own metrics in CloudWatch. */
export const METRICS_NAMESPACE = 'Hikyaku';

/**
 * Their names. All have the dimensions `prefix`, `topic` and `subscription`; `published` and `breakers_opened` have no subscription.
 * Those that end in `_ms` are milliseconds, kept one by one for percentiles; the others are counts.
 */
export type MetricName =
  | 'published'
  /** How often breakers opened; see `withBreaker`. */
  | 'breakers_opened'
  | 'handled'
  | 'retried'
  /** How often handlers asked for a message to come later, which is no failed attempt. */
  | 'postponed'
  | 'dead_lettered'
  /** Gone, because their time was over, and their contracts ask for no dead letters. */
  | 'expired'
  | 'lost_leases'
  /** How long a handler took. */
  | 'handler_ms'
  /** From when the carrier took a message until it was handled. */
  | 'end_to_end_ms'
  /** Told by drains at their ends: messages that are not done, received or not, or waiting for their retry. */
  | 'depth'
  /** Messages that nobody has received yet. */
  | 'lag'
  /** Messages that are with a handler. */
  | 'pending'
  | 'dead_letters'
  /** The age of the oldest message that the drain received. */
  | 'oldest_pending_ms';
