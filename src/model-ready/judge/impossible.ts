import { knownMetric } from './metrics.ts';

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
