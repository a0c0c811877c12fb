import type { ModelToEvaluate } from '../to-evaluate.ts';
import type { Baseline, Evidence, Measured } from './evidence.ts';
import { lookUpGuardrails, sliceNames } from './guardrails.ts';
import { effectivePolicy, type JudgeSettings } from './settings.ts';
import { numberIn, readTags } from './tags.ts';

/**
 * The evidence for a model package, from what its event says alone. Its `CustomerMetadataProperties` are read as tags of
 * MLflow are; the property with the metric's own name is its value, `baseline.value` the baseline's.
 */
export function evidenceOfPackage(said: ModelToEvaluate, settings: JudgeSettings = {}): Evidence {
  const { model_name, model_version, model_package_arn, model_package_status, properties = {} } = said;
  const tags = new Map(Object.entries(properties));
  const { policy: own, problem, ...read } = readTags(tags);
  const policy = effectivePolicy(settings, model_name, own);
  const metric = policy.metric ?? null;
  const from = "the package's properties";
  const measuredIn = (name: string): Measured => ({ ...numberIn(tags, name), from });
  const stated = measuredIn('baseline.value');
  const baselines: Baseline[] =
    stated.value === undefined ? [] : [{ ...stated, kind: 'stated', name: 'its baseline', isExact: true }];
  return {
    model: {
      ...read,
      model_name,
      model_version,
      ...(model_package_arn !== undefined && { model_id: model_package_arn }),
      version_status: model_package_status === COMPLETED ? 'READY' : model_package_status,
      tags: properties,
    },
    metric,
    candidate: metric === null ? { from } : measuredIn(metric),
    baselines,
    isBaseline: false,
    guardrails:
      metric === null
        ? []
        : lookUpGuardrails(policy, metric, baselines.length, (of, name, slice) => {
            if (of !== 'candidate') return { from };
            return measuredIn(sliceNames(name, slice).find((one) => tags.has(one)) ?? name);
          }),
    policy,
    problem: problem ?? stated.problem,
  };
}

/** What SageMaker calls ready. */
const COMPLETED = 'Completed';
