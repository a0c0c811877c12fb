import { parseDataset } from '../registry/registry.ts';
import type { Evaluation } from './evaluation.ts';
import type { Baseline, Evidence, Measured } from './evidence.ts';
import { lookUpGuardrails, sliceNames } from './guardrails.ts';
import { effectivePolicy, type JudgeSettings } from './settings.ts';

/** The evidence that a plain evaluation gives: all of it stands in the document. */
export function evidenceOfDocument(evaluation: Evaluation, settings: JudgeSettings = {}): Evidence {
  const {
    metric_name,
    metric_direction,
    current_value,
    baseline_value,
    improvement_percentage: _,
    is_baseline = false,
    dataset,
    baseline_dataset = dataset,
    n_eval,
    baseline_n_eval,
    standard_error,
    baseline_standard_error,
    metrics = {},
    baseline_metrics = {},
    ...model
  } = evaluation;
  const policy = effectivePolicy(settings, model.model_name, {
    ...(metric_name !== null && { metric: metric_name }),
    ...(metric_direction && { direction: metric_direction }),
  });
  const metric = policy.metric ?? null;
  const baselines: Baseline[] =
    baseline_value === undefined
      ? []
      : [
          {
            kind: 'stated',
            name: 'its baseline',
            isExact: baseline_n_eval === undefined && baseline_standard_error === undefined,
            value: baseline_value,
            from: 'the document',
            dataset: parseDataset(baseline_dataset),
            examples: baseline_n_eval,
            standardError: baseline_standard_error,
          },
        ];
  const lookup = (of: 'candidate' | number, name: string, slice?: string): Measured => {
    const values = of === 'candidate' ? metrics : baseline_metrics;
    const found = sliceNames(name, slice).find((one) => Object.hasOwn(values, one));
    return { value: found === undefined ? undefined : values[found], from: 'the document' };
  };
  return {
    model,
    metric,
    candidate: {
      value: current_value,
      from: 'the document',
      dataset: parseDataset(dataset),
      examples: n_eval,
      standardError: standard_error,
    },
    baselines,
    isBaseline: is_baseline,
    guardrails: metric === null ? [] : lookUpGuardrails(policy, metric, baselines.length, lookup),
    policy,
  };
}
