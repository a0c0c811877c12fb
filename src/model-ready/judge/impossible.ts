import { knownMetric } from './metrics.ts';

/** MLflow's SQL stores keep an infinite value as the largest or the smallest double. */
export function notFinite(value: number): string | undefined {
  if (Math.abs(value) === Number.MAX_VALUE) return value > 0 ? 'Infinity' : '-Infinity';
  return Number.isFinite(value) ? undefined : String(value);
}

/** Sums in floating point may end a little beyond the last possible value. */
const FORGIVEN = 1e-9;

/** Why a metric cannot have this value; undefined if it can, and for metrics that are not well known. */
export function outOfRange(metric: string, value: number): string | undefined {
  const { min = -Infinity, max = Infinity } = knownMetric(metric) ?? {};
  if (value >= min - FORGIVEN && value <= max + FORGIVEN) return undefined;
  const range =
    max === Infinity ? `from ${min} up` : min === -Infinity ? `at most ${max}` : `from ${min} to ${max}`;
  return `${metric} is ${range}`;
}
