/**
 * By how much a model must be better at least: in the metric's unit, or as a share of the absolute value of
 * the baseline (0.01 is one percent; any improvement on a baseline of 0 counts as 1).
 */
export type MinImprovement = { readonly absolute: number } | { readonly relative: number };

/** 0.9 - 0.8 is a little less than 0.1: so many units in the last place are forgiven. */
const FORGIVEN_ULPS = 4;

/** Whether two values that differ in the right direction differ by enough. */
export function reachesMinimum(least: MinImprovement, baseline: number, current: number): boolean {
  const gained = Math.abs(current - baseline);
  const forgiven = FORGIVEN_ULPS * Number.EPSILON * Math.max(Math.abs(baseline), Math.abs(current));
  if ('absolute' in least) return gained + forgiven >= least.absolute;
  return baseline === 0 ? least.relative <= 1 : gained + forgiven >= least.relative * Math.abs(baseline);
}

/** As a person reads it: `0.01` or `1 %`. */
export function describeMinimum(least: MinImprovement): string {
  return 'absolute' in least ? String(least.absolute) : `${Number((least.relative * 100).toPrecision(12))} %`;
}

/** Throws RangeError when it is not a finite number from 0. */
export function checkMinimum(least: MinImprovement): void {
  const value = 'absolute' in least ? least.absolute : least.relative;
  if (Number.isFinite(value) && value >= 0) return;
  throw new RangeError(`minImprovement is ${value}: expected a finite number from 0`);
}
