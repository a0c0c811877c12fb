import type { Baseline, Evidence, GuardedMetric, Measured } from './evidence.ts';
import { loses, percent } from './gain.ts';
import { outOfRange } from './impossible.ts';
import { knownMetric } from './metrics.ts';
import { notFinite } from './not-finite.ts';
import { failed, type Outcome, passed } from './outcome.ts';

/** Each guarded metric is within its bounds, and not worse than any baseline by more than its margin. */
export function guardrails({ guardrails, baselines }: Evidence): Outcome[] {
  return guardrails.map((guarded) => guard(guarded, baselines));
}

function guard(guarded: GuardedMetric, baselines: readonly Baseline[]): Outcome {
  const { name, candidate, min, max } = guarded;
  const bad = unusable(guarded.metric, candidate);
  if (bad !== undefined) return failed('guardrail_failed', `${name}, which must not get worse, ${bad}`);
  const { value = Number.NaN } = candidate;
  if (min !== undefined && value < min) {
    return failed('guardrail_failed', `its ${name} of ${value} is below ${min}`);
  }
  if (max !== undefined && value > max) {
    return failed('guardrail_failed', `its ${name} of ${value} is above ${max}`);
  }
  const direction = guarded.direction ?? knownMetric(guarded.metric)?.direction;
  for (const [index, baseline] of guarded.baselines.entries()) {
    const than = baselines[index]?.name ?? 'its baseline';
    if (direction === undefined) {
      return failed('guardrail_failed', `${name} is not a well-known metric: set the guardrail's direction`);
    }
    const missing = unusable(guarded.metric, baseline);
    if (missing !== undefined) return failed('guardrail_failed', `the ${name} of ${than} ${missing}`);
    const { value: other = Number.NaN } = baseline;
    const { maxLoss, maxRelativeLoss } = guarded;
    if (loses(direction, other, value, { maxLoss, maxRelativeLoss })) {
      return failed(
        'guardrail_failed',
        `its ${name} of ${value} is worse than the ${other} of ${than} by more than ${margin(guarded)}`,
      );
    }
  }
  return passed(`its ${name} is ${value} (${candidate.from})`);
}

function margin({ maxLoss, maxRelativeLoss }: GuardedMetric): string {
  return [
    ...(maxLoss === undefined ? [] : [String(maxLoss)]),
    ...(maxRelativeLoss === undefined ? [] : [percent(maxRelativeLoss)]),
  ].join(' or ');
}

function unusable(metric: string, { value, problem }: Measured): string | undefined {
  if (problem !== undefined) return `cannot be used: ${problem.reason}`;
  if (value === undefined) return 'was not measured';
  const infinite = notFinite(value);
  if (infinite) return `is ${infinite}`;
  const impossible = outOfRange(metric, value);
  return impossible && `is ${value}, which is impossible: ${impossible}`;
}
