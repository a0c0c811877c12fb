import * as z from 'zod/mini';
import { type ModelReadyToDeploy, modelReadyToDeploy, modelReadyToDeploySchema } from './contract.ts';

const DESCRIPTIONS: Readonly<Record<keyof ModelReadyToDeploy, string>> = {
  model_id: "MLflow's id of the logged model, else <model_name>:<model_version>.",
  model_name: 'Name of the registered model.',
  model_version: 'Version of the registered model.',
  token_symbol: 'Token of the benchmark that the model competes for.',
  metric_name: 'The metric that model and baseline are compared by.',
  metric_direction: 'Whether a higher or a lower value of the metric is better.',
  baseline_value: "The baseline's value of the metric.",
  current_value: "The model's value of the metric, which is strictly better.",
  improvement_percentage:
    'By how much the model is better, in percent of the absolute value of the baseline; 100 for a baseline of 0; at most 2^53 - 1.',
  mlflow_run_id: 'The MLflow run that evaluated the model.',
  experiment_name: 'The experiment the run belongs to.',
  source_uri: 'Where the model is stored, for example models:/m-….',
  contributor_address: 'Ethereum address of who contributed the model.',
  proposal_identifier: 'The proposal that the model answers.',
  benchmark_spec_id: 'The benchmark specification that the model was evaluated by.',
  dataset: 'The dataset that the values were measured on: its name, or name@digest.',
  eval_spec: 'How the model was evaluated: any JSON object.',
  tags: 'Tags of run and model version, without those of MLflow itself.',
};

/** The data of `model_ready_to_deploy` as JSON Schema (draft 2020-12), for those who are not TypeScript. */
export function modelReadyToDeployJsonSchema(): Record<string, unknown> {
  // As input: who adds a field must not break those who check against this.
  const { $schema, ...schema } = z.toJSONSchema(modelReadyToDeploySchema, { io: 'input' });
  const descriptions = new Map(Object.entries(DESCRIPTIONS));
  const properties = Object.entries(schema.properties ?? {}).map(([key, property]) => [
    key,
    Object.assign({ description: descriptions.get(key) }, property),
  ]);
  return {
    $schema,
    $id: modelReadyToDeploy.dataschema,
    title: modelReadyToDeploy.name,
    description: 'A model is better than its baseline and may be deployed.',
    ...schema,
    properties: Object.fromEntries(properties),
  };
}
