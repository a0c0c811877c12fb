import type { ModelReadyToDeploy } from '../contract.ts';
import type { Direction } from '../fields.ts';
import type { Evaluation } from './evaluation.ts';
import { directionOf } from './metrics.ts';
import { checkMinimum, describeMinimum, type MinImprovement, reachesMinimum } from './min-improvement.ts';

/** Why a model is not announced. */
export type RejectionCode =
  | 'run_not_finished'
  | 'not_registered'
  | 'is_baseline'
  | 'missing_metric'
  | 'metric_not_finite'
  | 'unknown_direction'
  | 'missing_baseline'
  | 'baseline_not_finite'
  | 'tie'
  | 'not_better'
  | 'below_minimum'
  | 'missing_token_symbol';

export type Verdict =
  | { readonly verdict: 'announce'; readonly message: ModelReadyToDeploy }
  | {
      readonly verdict: 'reject';
      readonly code: RejectionCode;
      /** One clause for a person. */
      readonly reason: string;
    };

export interface GateOptions {
  /** Default 0. A model must be strictly better all the same. */
  readonly minImprovement?: MinImprovement | undefined;
}

/**
 * Decides whether a model is announced: its run finished, it is registered, it is not the baseline, and it is
 * strictly better than the baseline by at least the minimum. Pure: the same evaluation gets the same verdict.
 *
 * @throws RangeError when the minimum is not a finite number from 0.
 */
export function judge(evaluation: Evaluation, { minImprovement }: GateOptions = {}): Verdict {
  const least = minImprovement ?? { absolute: 0 };
  checkMinimum(least);
  const {
    model_name,
    model_version,
    token_symbol,
    metric_name,
    metric_direction,
    current_value,
    baseline_value,
    run_status = 'FINISHED',
    version_status = 'READY',
    is_baseline,
    model_id,
    ...passedOn
  } = evaluation;

  const run = evaluation.mlflow_run_id === undefined ? 'its run' : `run ${evaluation.mlflow_run_id}`;
  if (run_status !== 'FINISHED') return reject('run_not_finished', `${run} is ${run_status}, not FINISHED`);
  if (model_name === null || model_version === null) {
    return reject('not_registered', `${run} is not registered: it has no model name and version`);
  }
  if (version_status !== 'READY') {
    return reject('not_registered', `its registration is ${version_status}, not READY`);
  }
  if (is_baseline) return reject('is_baseline', 'it is the baseline itself');
  if (metric_name === null) {
    return reject(
      'missing_metric',
      'no metric is named to judge it by (metric_name, or the tag benchmark.metric)',
    );
  }
  if (current_value === undefined) return reject('missing_metric', `it has no value of ${metric_name}`);
  if (!Number.isFinite(current_value)) {
    return reject('metric_not_finite', `its ${metric_name} is ${current_value}`);
  }
  const direction = metric_direction ?? directionOf(metric_name);
  if (direction === undefined) {
    return reject(
      'unknown_direction',
      `${metric_name} is not a well-known metric: say whether higher or lower is better (metric_direction, or the tag benchmark.direction)`,
    );
  }
  if (baseline_value === undefined) {
    return reject(
      'missing_baseline',
      `there is no ${metric_name} to compare it with (baseline_value, the tags baseline.value or baseline.run_id, or the alias champion)`,
    );
  }
  if (!Number.isFinite(baseline_value)) {
    return reject('baseline_not_finite', `the ${metric_name} of its baseline is ${baseline_value}`);
  }
  if (current_value === baseline_value) {
    return reject('tie', `its ${metric_name} of ${current_value} equals that of its baseline`);
  }
  const improvement = improvementPercentage(direction, baseline_value, current_value);
  if (improvement < 0) {
    return reject(
      'not_better',
      `its ${metric_name} of ${current_value} is worse than the ${baseline_value} of its baseline (${direction} is better)`,
    );
  }
  if (!reachesMinimum(least, baseline_value, current_value)) {
    return reject(
      'below_minimum',
      `its ${metric_name} of ${current_value} is better than the ${baseline_value} of its baseline, but not by ${describeMinimum(least)}`,
    );
  }
  if (token_symbol === null) {
    return reject('missing_token_symbol', 'it has no token symbol (token_symbol, or the tag of this name)');
  }
  return {
    verdict: 'announce',
    message: {
      ...passedOn,
      model_id: model_id ?? `${model_name}:${model_version}`,
      model_name,
      model_version,
      token_symbol,
      metric_name,
      metric_direction: direction,
      baseline_value,
      current_value,
      improvement_percentage: improvement,
    },
  };
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

function reject(code: RejectionCode, reason: string): Verdict {
  return { verdict: 'reject', code, reason };
}
