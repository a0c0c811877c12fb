import type { Direction } from '../fields.ts';
import type { Baseline, Evidence } from './evidence.ts';
import { isWithinRounding, percent, reachesGain, reachesRelativeGain } from './gain.ts';
import { guardrails } from './guardrail-rule.ts';
import { outOfRange } from './impossible.ts';
import { type GainInterval, gainInterval } from './interval.ts';
import { isTrainingMetric, knownMetric } from './metrics.ts';
import { notFinite } from './not-finite.ts';
import { failed, type Outcome, passed } from './outcome.ts';

/** How one rule turned out. */
export interface RuleOutcome extends Outcome {
  readonly rule: string;
}

/** A rule of the gate. It answers nothing where it does not apply, and is asked only if all before it passed. */
export interface Rule {
  readonly rule: string;
  check(evidence: Evidence): readonly Outcome[];
}

/** All rules, in the order in which they are asked. */
export const RULES: readonly Rule[] = [
  { rule: 'finished', check: finished },
  { rule: 'registered', check: registered },
  { rule: 'readable', check: readable },
  { rule: 'not the baseline', check: notBaseline },
  { rule: 'metric', check: metric },
  { rule: 'value', check: value },
  { rule: 'direction', check: direction },
  { rule: 'baseline', check: baselines },
  { rule: 'better', check: better },
  { rule: 'gain', check: gain },
  { rule: 'bounds', check: bounds },
  { rule: 'guardrail', check: guardrails },
  { rule: 'significance', check: significance },
  { rule: 'token symbol', check: tokenSymbol },
];

function runOf({ model }: Evidence): string {
  return model.mlflow_run_id === undefined ? 'its run' : `run ${model.mlflow_run_id}`;
}

function finished(evidence: Evidence): Outcome[] {
  const { run_status = 'FINISHED' } = evidence.model;
  const said = `${runOf(evidence)} is ${run_status}`;
  return [run_status === 'FINISHED' ? passed(said) : failed('run_not_finished', `${said}, not FINISHED`)];
}

function registered(evidence: Evidence): Outcome[] {
  const { model_name, model_version, version_status = 'READY' } = evidence.model;
  if (model_name === null || model_version === null) {
    return [
      failed('not_registered', `${runOf(evidence)} is not registered: it has no model name and version`),
    ];
  }
  return [
    version_status === 'READY'
      ? passed(`it is ${model_name} ${model_version}`)
      : failed('not_registered', `its registration is ${version_status}, not READY`),
  ];
}

function readable({ problem }: Evidence): Outcome[] {
  return problem === undefined ? [] : [failed(problem.code, problem.reason)];
}

function notBaseline({ isBaseline }: Evidence): Outcome[] {
  return [isBaseline ? failed('is_baseline', 'it is the baseline itself') : passed('it is not the baseline')];
}

function metric({ metric }: Evidence): Outcome[] {
  if (metric === null) {
    return [
      failed(
        'missing_metric',
        'no metric is named to judge it by (metric_name, or the tag benchmark.metric)',
      ),
    ];
  }
  return [
    isTrainingMetric(metric)
      ? failed(
          'training_metric',
          `${metric} was measured on the training data: name a metric of held-out data (metric_name, or the tag benchmark.metric)`,
        )
      : passed(`it is judged by ${metric}`),
  ];
}

function value({ metric, candidate }: Evidence): Outcome[] {
  if (metric === null) return [];
  const { problem, value } = candidate;
  if (problem !== undefined) return [failed(problem.code, problem.reason)];
  if (value === undefined) return [failed('missing_metric', `it has no value of ${metric}`)];
  const infinite = notFinite(value);
  if (infinite) return [failed('metric_not_finite', `its ${metric} is ${infinite}`)];
  const impossible = outOfRange(metric, value);
  return [
    impossible === undefined
      ? passed(`its ${metric} is ${value} (${candidate.from})`)
      : failed('metric_out_of_range', `its ${metric} of ${value} is impossible: ${impossible}`),
  ];
}

function direction(evidence: Evidence): Outcome[] {
  const { metric } = evidence;
  const found = directionOf(evidence);
  if (found !== undefined) return [passed(`${found} is better`)];
  return [
    failed(
      'unknown_direction',
      `${metric} is not a well-known metric: say whether higher or lower is better (metric_direction, or the tag benchmark.direction)`,
    ),
  ];
}

/** Whether higher or lower is better: as the policy or its tags say, else as the metric's name does. */
export function directionOf({ metric, policy }: Evidence): Direction | undefined {
  return policy.direction ?? (metric === null ? undefined : knownMetric(metric)?.direction);
}

function baselines({ metric, baselines, policy }: Evidence): Outcome[] {
  if (metric === null) return [];
  if (baselines.length === 0) {
    const ways =
      policy.baselines === 'champion'
        ? 'the alias champion'
        : policy.baselines === 'stated'
          ? 'baseline_value, or the tags baseline.value or baseline.run_id'
          : 'baseline_value, the tags baseline.value or baseline.run_id, or the alias champion';
    return [failed('missing_baseline', `there is no ${metric} to compare it with (${ways})`)];
  }
  return baselines.map((baseline) => baselineUsable(metric, baseline));
}

function baselineUsable(metric: string, { name, value, from, problem }: Baseline): Outcome {
  if (problem !== undefined) return failed(problem.code, problem.reason);
  if (value === undefined) return failed('missing_baseline', `${name} has no value of ${metric} (${from})`);
  const infinite = notFinite(value);
  if (infinite) return failed('baseline_not_finite', `the ${metric} of ${name} is ${infinite}`);
  const impossible = outOfRange(metric, value);
  return impossible === undefined
    ? passed(`the ${metric} of ${name} is ${value} (${from})`)
    : failed('baseline_out_of_range', `the ${metric} of ${name}, ${value}, is impossible: ${impossible}`);
}

/** Calls back for each baseline, with both values, which the rules before have found to be there. */
function againstEach(
  evidence: Evidence,
  check: (facts: {
    metric: string;
    direction: Direction;
    current: number;
    baseline: number;
    than: Baseline;
  }) => Outcome,
): Outcome[] {
  const { metric, candidate, baselines } = evidence;
  const direction = directionOf(evidence);
  const { value: current } = candidate;
  if (metric === null || direction === undefined || current === undefined) return [];
  return baselines.flatMap((than) =>
    than.value === undefined ? [] : [check({ metric, direction, current, baseline: than.value, than })],
  );
}

function better(evidence: Evidence): Outcome[] {
  return againstEach(evidence, ({ metric, direction, current, baseline, than }) => {
    if (current === baseline) {
      return failed('tie', `its ${metric} of ${current} equals that of ${than.name}`);
    }
    const compared = `than the ${baseline} of ${than.name}`;
    if (current > baseline !== (direction === 'higher')) {
      return failed(
        'not_better',
        `its ${metric} of ${current} is worse ${compared} (${direction} is better)`,
      );
    }
    return isWithinRounding(current, baseline)
      ? failed(
          'within_rounding',
          `its ${metric} of ${current} is better ${compared} by no more than rounding`,
        )
      : passed(`its ${metric} of ${current} is better ${compared}`);
  });
}

function gain(evidence: Evidence): Outcome[] {
  const { minGain = 0, minRelativeGain = 0 } = evidence.policy;
  if (minGain === 0 && minRelativeGain === 0) return [];
  return againstEach(evidence, ({ metric, current, baseline, than }) => {
    const compared = `its ${metric} of ${current} is better than the ${baseline} of ${than.name}`;
    if (!reachesGain(minGain, baseline, current)) {
      return failed('below_minimum', `${compared}, but not by ${minGain}`);
    }
    return reachesRelativeGain(minRelativeGain, baseline, current)
      ? passed(`${compared} by enough`)
      : failed('below_minimum', `${compared}, but not by ${percent(minRelativeGain)}`);
  });
}

function bounds({ metric, candidate: { value }, policy: { floor, ceiling } }: Evidence): Outcome[] {
  if (value === undefined) return [];
  const outcomes: Outcome[] = [];
  if (floor !== undefined) {
    outcomes.push(
      value >= floor
        ? passed(`its ${metric} is at least the floor of ${floor}`)
        : failed('below_floor', `its ${metric} of ${value} is below the floor of ${floor}`),
    );
  }
  if (ceiling !== undefined) {
    outcomes.push(
      value <= ceiling
        ? passed(`its ${metric} is at most the ceiling of ${ceiling}`)
        : failed('above_ceiling', `its ${metric} of ${value} is above the ceiling of ${ceiling}`),
    );
  }
  return outcomes;
}

function significance(evidence: Evidence): Outcome[] {
  const required = evidence.policy.requireSignificance === true;
  return againstEach(evidence, ({ metric, direction, than }) => {
    const interval = gainOver(evidence, than);
    if (interval === undefined) {
      const detail = `no confidence interval of its gain over ${than.name} can be given: log ${metric}_se for both, or n_eval where the metric is a share of the examples`;
      return required ? failed('not_significant', detail) : passed(detail);
    }
    const detail = `the 95 % confidence interval of its gain over ${than.name} is ${round(interval.low)} to ${round(interval.high)}`;
    const worst = direction === 'higher' ? interval.low : -interval.high;
    return required && worst <= 0
      ? failed('not_significant', `${detail}, which includes no gain`)
      : passed(detail);
  });
}

/** The interval of the candidate's gain over a baseline; undefined where too little is known. */
export function gainOver(evidence: Evidence, than: Baseline): GainInterval | undefined {
  const isProportion = evidence.metric !== null && knownMetric(evidence.metric)?.isProportion === true;
  return gainInterval(evidence.candidate, than, { isProportion, exactBaseline: than.isExact });
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

function tokenSymbol({ model: { token_symbol } }: Evidence): Outcome[] {
  return [
    token_symbol === null
      ? failed('missing_token_symbol', 'it has no token symbol (token_symbol, or the tag of this name)')
      : passed(`its token is ${token_symbol}`),
  ];
}
