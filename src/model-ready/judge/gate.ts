import type { ModelReadyToDeploy } from '../contract.ts';
import { describeDataset } from '../registry/registry.ts';
import type { Baseline, Evidence } from './evidence.ts';
import { improvementPercentage } from './gain.ts';
import type { RejectionCode } from './rejection.ts';
import { directionOf, gainOver, RULES, type RuleOutcome } from './rules.ts';

/** The gain over one baseline, for those who want to know how certain it is. */
export interface Gain {
  /** As a person reads it: `its baseline`, `the champion (version 3)`. */
  readonly over: string;
  readonly value: number;
  /** Of `current - baseline`, in the metric's unit; absent where too little is known. */
  readonly ci95?: readonly [low: number, high: number];
}

export interface Announcement {
  readonly verdict: 'announce';
  readonly message: ModelReadyToDeploy;
  /** Over each baseline. */
  readonly gains: readonly Gain[];
  /** All rules that were asked, in order. */
  readonly rules: readonly RuleOutcome[];
}

export interface Rejection {
  readonly verdict: 'reject';
  readonly code: RejectionCode;
  /** One clause for a person. */
  readonly reason: string;
  /** All rules that were asked, in order: the last one failed. */
  readonly rules: readonly RuleOutcome[];
}

export type Verdict = Announcement | Rejection;

/**
 * Decides whether a model is announced: every rule of `rules.ts` has to pass. Pure: the same evidence gets the same
 * verdict.
 */
export function judge(evidence: Evidence): Verdict {
  const rules: RuleOutcome[] = [];
  for (const { rule, check } of RULES) {
    for (const outcome of check(evidence)) {
      rules.push({ rule, ...outcome });
      if (outcome.code !== undefined) {
        return { verdict: 'reject', code: outcome.code, reason: outcome.detail, rules };
      }
    }
  }
  return announcement(evidence, rules);
}

function announcement(evidence: Evidence, rules: readonly RuleOutcome[]): Announcement {
  const { run_status: _, version_status: __, ...model } = evidence.model;
  const { model_name, model_version, token_symbol } = model;
  const { metric, candidate, baselines } = evidence;
  const direction = directionOf(evidence);
  const strongest = strongestOf(baselines, direction);
  const { value } = candidate;
  if (
    model_name === null ||
    model_version === null ||
    token_symbol === null ||
    metric === null ||
    direction === undefined ||
    value === undefined ||
    strongest?.value === undefined
  ) {
    throw new TypeError('a model passed all rules and is not known well enough to be announced');
  }
  const dataset = candidate.dataset && describeDataset(candidate.dataset);
  return {
    verdict: 'announce',
    message: {
      ...model,
      model_id: model.model_id ?? `${model_name}:${model_version}`,
      model_name,
      model_version,
      token_symbol,
      metric_name: metric,
      metric_direction: direction,
      baseline_value: strongest.value,
      current_value: value,
      improvement_percentage: improvementPercentage(direction, strongest.value, value),
      ...(dataset !== undefined && { dataset }),
    },
    gains: baselines.map((than) => gainOf(evidence, value, than)),
    rules,
  };
}

/** The baseline that is hardest to beat: an announcement claims no more than that. */
function strongestOf(baselines: readonly Baseline[], direction: 'higher' | 'lower' | undefined) {
  return baselines.reduce<Baseline | undefined>((best, one) => {
    if (best?.value === undefined || one.value === undefined) return best ?? one;
    return one.value > best.value === (direction === 'higher') ? one : best;
  }, undefined);
}

function gainOf(evidence: Evidence, current: number, than: Baseline): Gain {
  const interval = gainOver(evidence, than);
  return {
    over: than.name,
    value: current - (than.value ?? Number.NaN),
    ...(interval && { ci95: [interval.low, interval.high] as const }),
  };
}
