import * as z from 'zod/mini';
import { expects, workspace as workspaceName } from '../fields.ts';
import { check } from '../judge/evaluation.ts';
import { PROMPT } from '../registry/registry.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';

/** What an event of a registry asks for: that a model be judged, or nothing, and why. */
export type RegistryEvent =
  | { readonly asks: true; readonly data: ModelToEvaluate }
  | { readonly asks: false; readonly reason: string };

const OTHER = 'this event does not ask for an evaluation';

const anyText = z.string(expects('a text'));

const mlflowEvent = z.object(
  { entity: anyText, action: anyText, data: z.unknown(), workspace: z.optional(z.nullable(workspaceName)) },
  expects('a JSON object'),
);
const created = z.object({
  name: anyText,
  version: anyText,
  source: z.optional(z.nullable(anyText)),
  run_id: z.optional(z.nullable(anyText)),
  tags: z.optional(z.nullable(z.record(z.string(), z.unknown(), expects('a JSON object')))),
});
const aliased = z.object({ name: anyText, version: anyText, alias: anyText });

/**
 * The alias that asks for a version to be judged, again perhaps: for what was not there when it was registered.
 * No other does, for what a deployment sets when it is done must not cause the next.
 */
export const CHALLENGER = 'challenger';

/** Reads the body of a webhook delivery of MLflow. Throws InvalidEvaluation when it is none. */
export function readMlflowEvent(body: unknown, delivery_id: string): RegistryEvent {
  const { entity, action, data, workspace } = check(mlflowEvent, body);
  const event = `${entity}.${action}`;
  const common = { source: 'mlflow' as const, delivery_id, ...(workspace && { workspace }) };
  switch (event) {
    case 'model_version.created': {
      const version = check(created, data, 'data');
      if (isExample(version)) return ignored(TEST);
      if (version.tags?.[PROMPT] !== undefined) return ignored('a prompt is not judged');
      const { name: model_name, version: model_version, run_id } = version;
      const model = { model_name, model_version, ...(run_id && { mlflow_run_id: run_id }) };
      return { asks: true, data: { ...common, event, ...model } };
    }
    case 'model_version_alias.created': {
      const { name, version, alias } = check(aliased, data, 'data');
      if (alias !== CHALLENGER) return ignored(`only the alias ${CHALLENGER} asks for an evaluation`);
      return { asks: true, data: { ...common, event, model_name: name, model_version: version } };
    }
    default:
      return ignored(OTHER);
  }
}

const TEST = 'this is the example that MLflow sends to test a webhook';

/**
 * Whether it is the version of MLflow's own test of a webhook, which exists nowhere. All of it is compared: a model may
 * be called as the example is. The alias of the other example does not ask for an evaluation.
 */
function isExample({ name, version, source, run_id }: z.output<typeof created>): boolean {
  return (
    name === 'example_model' && version === '1' && source === 'models:/123' && run_id === 'abcd1234abcd5678'
  );
}

const eventBridgeEvent = z.object({ id: anyText, 'detail-type': anyText, detail: z.unknown() });
const approval = z.object({ ModelApprovalStatus: z.optional(anyText) }, expects('a JSON object'));
const approvedPackage = z.object({
  ModelPackageArn: anyText,
  ModelPackageGroupName: anyText,
  ModelPackageVersion: z.number(expects('a number')),
  ModelPackageStatus: z.optional(anyText),
  CustomerMetadataProperties: z.optional(z.record(z.string(), anyText, expects('an object of texts'))),
});

/** Reads an event of EventBridge. Throws InvalidEvaluation when it is none. */
export function readEventBridgeEvent(event: unknown): RegistryEvent {
  const { id, 'detail-type': type, detail } = check(eventBridgeEvent, event, 'event');
  if (type !== 'SageMaker Model Package State Change') return ignored(OTHER);
  if (check(approval, detail, 'detail').ModelApprovalStatus !== 'Approved') {
    return ignored('the model package is not approved');
  }
  const approved = check(approvedPackage, detail, 'detail');
  return {
    asks: true,
    data: {
      source: 'sagemaker',
      event: 'model_package.approved',
      delivery_id: id,
      model_name: approved.ModelPackageGroupName,
      model_version: String(approved.ModelPackageVersion),
      model_package_arn: approved.ModelPackageArn,
      model_package_status: approved.ModelPackageStatus,
      properties: approved.CustomerMetadataProperties,
    },
  };
}

function ignored(reason: string): RegistryEvent {
  return { asks: false, reason };
}
