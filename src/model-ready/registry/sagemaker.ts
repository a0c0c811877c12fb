import { evaluationFromTags, metricIn, numberIn } from '../judge/benchmark-tags.ts';
import type { Evaluation } from '../judge/evaluation.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';

/**
 * The evaluation of a model package, from what its event says alone. Its `CustomerMetadataProperties` are read as
 * tags of MLflow are; the property with the metric's own name is its value, `baseline.value` the baseline's.
 *
 * @throws InvalidEvaluation when a property cannot be read.
 */
export function evaluationOfPackage(said: ModelToEvaluate): Evaluation {
  const { model_name, model_version, model_package_arn, model_package_status, properties = {} } = said;
  const source = `${model_name} ${model_version}`;
  const tags = new Map(Object.entries(properties));
  const metric = metricIn(tags);
  return evaluationFromTags(
    tags,
    {
      model_name,
      model_version,
      model_id: model_package_arn,
      version_status: model_package_status === COMPLETED ? 'READY' : model_package_status,
      current_value: metric === undefined ? undefined : numberIn(tags, metric, source),
      baseline_value: numberIn(tags, 'baseline.value', source),
      tags: properties,
    },
    source,
  );
}

/** What SageMaker calls ready. */
const COMPLETED = 'Completed';
