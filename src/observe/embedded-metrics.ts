import { type CourierEvent, observe } from './events.ts';
import { isTime, metricLine } from './metric-line.ts';
import type { MetricName } from './metrics.ts';

/** What CloudWatch takes of one metric in one line. */
const MOST_VALUES = 100;

export interface EmbeddedMetrics {
  /** Writes what has been counted since, a line for each topic or subscription; nothing when nothing happened. */
  flush(): void;
  /** Flushes, and counts no more. */
  stop(): void;
}

export interface EmbeddedMetricsOptions {
  /** Of the installation: sets its metrics apart from those of others in the account. */
  readonly prefix: string;
  readonly write?: (line: string) => void;
}

/**
 * Counts what happens in this process and writes it in CloudWatch's embedded metric format, JSON lines from which
 * CloudWatch makes the metrics of `metrics.ts` by itself. To be flushed at the end of each invocation.
 */
export function startEmbeddedMetrics({
  prefix,
  write = (line) => process.stdout.write(`${line}\n`),
}: EmbeddedMetricsOptions): EmbeddedMetrics {
  const counted = new Map<string, Counted>();

  const flush = (): void => {
    for (const { dimensions, values } of counted.values()) write(metricLine(dimensions, values));
    counted.clear();
  };
  const unobserve = observe((event) => {
    const measured = measure(event);
    if (measured === undefined || !('topic' in event)) return;
    const { topic } = event;
    const subscription = 'subscription' in event ? event.subscription : undefined;
    const key = JSON.stringify([topic, subscription]);
    let one = counted.get(key);
    if (one === undefined) {
      const dimensions = { prefix, topic, ...(subscription !== undefined && { subscription }) };
      one = { dimensions, values: new Map() };
      counted.set(key, one);
    }
    let most = 0;
    for (const [name, value] of Object.entries(measured)) most = Math.max(most, add(one.values, name, value));
    if (most === MOST_VALUES) flush();
  });
  return {
    flush,
    stop() {
      unobserve();
      flush();
    },
  };
}

/** The function, with its metrics written at the end of each invocation, also of one that fails. */
export function flushedAfter<Args extends unknown[], Result>(
  invoke: (...args: Args) => Promise<Result>,
  prefix: string,
): (...args: Args) => Promise<Result> {
  const metrics = startEmbeddedMetrics({ prefix });
  return async (...args) => {
    try {
      return await invoke(...args);
    } finally {
      metrics.flush();
    }
  };
}

interface Counted {
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: Map<string, number[]>;
}

/** Counts are summed up; all else is kept value by value, for percentiles. Returns how many values there are. */
function add(values: Map<string, number[]>, name: string, value: number): number {
  const known = values.get(name);
  if (known === undefined) values.set(name, [value]);
  else if (isTime(name)) known.push(value);
  else known[0] = (known[0] ?? 0) + value;
  return known?.length ?? 1;
}

function measure(event: CourierEvent): Partial<Record<MetricName, number>> | undefined {
  switch (event.event) {
    case 'published':
    case 'postponed':
    case 'dead_lettered':
    case 'expired':
      return { [event.event]: 1 };
    case 'breaker_opened':
      return { breakers_opened: 1 };
    case 'lease_lost':
      return { lost_leases: 1 };
    case 'handled':
      // The two clocks may differ.
      return { handled: 1, handler_ms: event.ms, end_to_end_ms: Math.max(0, event.endToEndMs) };
    case 'retried':
      return { retried: 1, handler_ms: event.ms };
    case 'drained':
      return {
        depth: event.ready + event.inFlight + event.delayed,
        lag: event.ready,
        pending: event.inFlight,
        dead_letters: event.dead,
        oldest_pending_ms: event.oldestMs,
      };
    default:
      return undefined;
  }
}
