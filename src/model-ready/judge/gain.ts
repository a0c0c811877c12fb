import type { ModelReadyToDeploy } from '../contract.ts';
import type { Direction } from '../fields.ts';

/** 0.9 - 0.8 is a little less than 0.1: so many units in the last place are forgiven. */
const FORGIVEN_ULPS = 4;
/** Two values closer than this share of the larger one differ by how they were summed up, not by what was measured. */
const ROUNDING = 1e-9;

/**
 * Whether two different values may be the same result, rounded differently: they agree to nine digits, or one of them
 * is what the other becomes in single precision, which many frameworks compute in.
 */
export function isWithinRounding(one: number, other: number): boolean {
  const size = Math.max(Math.abs(one), Math.abs(other));
  return Math.abs(one - other) <= ROUNDING * size || Math.fround(one) === other || Math.fround(other) === one;
}

/** Whether a value that is better than the baseline is so by at least this, in the metric's unit. */
export function reachesGain(least: number, baseline: number, current: number): boolean {
  return Math.abs(current - baseline) + forgiven(baseline, current) >= least;
}

/** The same by a share of the baseline's absolute value; any gain over a baseline of 0 counts as 1. */
export function reachesRelativeGain(least: number, baseline: number, current: number): boolean {
  if (baseline === 0) return least <= 1;
  return reachesGain(least * Math.abs(baseline), baseline, current);
}

/** Whether a value is worse than the baseline by more than every margin that is given. */
export function loses(
  direction: Direction,
  baseline: number,
  current: number,
  { maxLoss, maxRelativeLoss }: { maxLoss?: number | undefined; maxRelativeLoss?: number | undefined },
): boolean {
  const loss =
    (direction === 'higher' ? baseline - current : current - baseline) - forgiven(baseline, current);
  return (
    loss > 0 &&
    ((maxLoss !== undefined && loss > maxLoss) ||
      (maxRelativeLoss !== undefined && loss > maxRelativeLoss * Math.abs(baseline)))
  );
}

function forgiven(one: number, other: number): number {
  return FORGIVEN_ULPS * Number.EPSILON * Math.max(Math.abs(one), Math.abs(other));
}

/** All doubles beyond this are whole numbers, which JSON readers may corrupt. */
const MOST_PERCENT = Number.MAX_SAFE_INTEGER;

/**
 * How much better `current` is, in percent of the absolute value of the baseline; negative when it is worse.
 * By convention 100 or -100 where the baseline is 0. Both values finite, and so is the result.
 */
export function improvementPercentage(direction: Direction, baseline: number, current: number): number {
  if (current === baseline) return 0;
  const sign = direction === 'higher' ? 1 : -1;
  if (baseline === 0) return 100 * sign * Math.sign(current);
  const size = Math.abs(baseline);
  const difference = current - baseline;
  // The difference of two huge values of opposite signs is beyond the largest double; that of their shares is not.
  const share = Number.isFinite(difference) ? difference / size : current / size - Math.sign(baseline);
  return Math.max(-MOST_PERCENT, Math.min(MOST_PERCENT, share * 100 * sign));
}

/** An announced gain as a person reads it: `f1 0.9, 12.5 % better than 0.8`. */
export function describeGain({
  metric_name,
  current_value,
  baseline_value,
  improvement_percentage,
}: Pick<
  ModelReadyToDeploy,
  'metric_name' | 'current_value' | 'baseline_value' | 'improvement_percentage'
>): string {
  const better = Number(improvement_percentage.toPrecision(4));
  return `${metric_name} ${current_value}, ${better} % better than ${baseline_value}`;
}

/** A share as a person reads it: `1 %`. */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(12))} %`;
}
