import * as z from 'zod/mini';
import { defineMessage } from '../message/contract.ts';
import { deriveId } from '../message/id.ts';
import { expects, modelName, modelVersion, text, workspace } from './fields.ts';

const NAME = 'model_to_evaluate';
const VERSION = 1;

const modelToEvaluateSchema = z.object(
  {
    /** Which registry says it. */
    source: z.enum(['mlflow', 'sagemaker'], expects('"mlflow" or "sagemaker"')),
    event: z.enum(
      [
        'model_version.created',
        'model_version_alias.created',
        'model_version.swept',
        'model_package.approved',
      ],
      expects('an event that asks for an evaluation'),
    ),
    /** A registry that repeats itself repeats it. */
    delivery_id: text(256),
    /** In SageMaker the model package group. */
    model_name: modelName,
    model_version: modelVersion,
    mlflow_run_id: z.optional(text(64)),
    /** The workspace of MLflow that has the model, where the server has workspaces. */
    workspace: z.optional(workspace),
    model_package_arn: z.optional(text(2_048)),
    model_package_status: z.optional(text(64)),
    /** What is known of a model package: metrics among others. */
    properties: z.optional(z.record(text(256), z.string(expects('a text')), expects('an object of texts'))),
  },
  expects('a JSON object'),
);

/** What a model registry has to have judged: a version of a model in MLflow, or a model package in SageMaker. */
export type ModelToEvaluate = z.output<typeof modelToEvaluateSchema>;

/**
 * A registry says that a model may be ready to be judged. Internal to this system: who wants to know of models
 * subscribes to `model_ready_to_deploy`. The id is derived from what is said and by which delivery, so that a
 * delivery that is repeated says one thing.
 */
export const modelToEvaluate = defineMessage({
  name: NAME,
  version: VERSION,
  schema: modelToEvaluateSchema,
  identify: ({ source, event, model_name, model_version, delivery_id, workspace }) =>
    deriveId([
      NAME,
      String(VERSION),
      source,
      event,
      model_name,
      model_version,
      delivery_id,
      ...(workspace === undefined ? [] : [workspace]),
    ]),
});
