import * as z from 'zod/mini';
import { defineMessage } from '../message/contract.ts';
import { deriveId } from '../message/id.ts';
import {
  direction,
  expects,
  finite,
  metricName,
  modelName,
  modelVersion,
  passedOn,
  text,
  tokenSymbol,
} from './fields.ts';

const NAME = 'model_ready_to_deploy';
const VERSION = 1;

/** The data of a `model_ready_to_deploy` message. */
export const modelReadyToDeploySchema = z.object(
  {
    model_id: text(512),
    model_name: modelName,
    model_version: modelVersion,
    token_symbol: tokenSymbol,
    metric_name: metricName,
    metric_direction: direction,
    baseline_value: finite,
    current_value: finite,
    improvement_percentage: finite,
    ...passedOn,
  },
  expects('a JSON object'),
);

/** A model version that beats its baseline, and by how much. Values are those of the metric. */
export type ModelReadyToDeploy = z.output<typeof modelReadyToDeploySchema>;

/**
 * A model is better than its baseline and may be deployed. The id is derived from what is announced (model,
 * version, metric and both values), so that announcing it twice says one thing.
 */
export const modelReadyToDeploy = defineMessage({
  name: NAME,
  version: VERSION,
  schema: modelReadyToDeploySchema,
  identify: ({ model_name, model_version, metric_name, baseline_value, current_value }) =>
    deriveId([
      NAME,
      String(VERSION),
      model_name,
      model_version,
      metric_name,
      String(baseline_value),
      String(current_value),
    ]),
});
