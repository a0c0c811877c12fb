import * as z from 'zod/mini';
import { expects } from '../fields.ts';
import { check, InvalidEvaluation, metricValue, show } from '../judge/evaluation.ts';
import type { Page } from './mlflow-pages.ts';
import type { LoggedModel, MetricValue, ModelVersion, RegisteredModel, Run } from './registry.ts';

// What is read of the REST API's answers. What there is none of is left out, or null: older servers, and programs that
// save answers, write that. Before MLflow 1.22 int64 is a text. Old servers say run_uuid for run_id.

const anyText = z.string(expects('a text'));
const name = anyText.check(z.minLength(1, expects('a text that is not empty')));
const optionalText = z.optional(z.nullable(anyText));
/** An int64. */
const count = z.optional(
  z.nullable(
    z.union(
      [z.number(), z.pipe(z.string().check(z.regex(/^-?\d+$/)), z.transform(Number))],
      expects('a number'),
    ),
  ),
);
const tags = listOf(object({ key: anyText, value: optionalText }));

const runAnswer = object({
  run: object({
    info: object({
      run_id: optionalText,
      run_uuid: optionalText,
      status: name,
      lifecycle_stage: optionalText,
    }),
    data: optionalObject({
      metrics: listOf(object({ key: anyText, value: metricValue, timestamp: count, step: count })),
      tags,
    }),
    inputs: optionalObject({
      dataset_inputs: listOf(object({ dataset: optionalObject({ name: anyText, digest: optionalText }) })),
      model_inputs: listOf(object({ model_id: name })),
    }),
    outputs: optionalObject({ model_outputs: listOf(object({ model_id: name })) }),
  }),
});

const loggedModelAnswer = object({
  model: object({
    info: object({
      model_id: name,
      name: optionalText,
      status: optionalText,
      source_run_id: optionalText,
      tags,
    }),
    data: optionalObject({
      metrics: listOf(
        object({
          key: anyText,
          value: metricValue,
          timestamp: count,
          step: count,
          run_id: optionalText,
          dataset_name: optionalText,
          dataset_digest: optionalText,
        }),
      ),
    }),
  }),
});

const version = object({
  name,
  version: name,
  run_id: optionalText,
  model_id: optionalText,
  source: optionalText,
  status: optionalText,
  tags,
  aliases: listOf(anyText),
  creation_timestamp: count,
});
const versionAnswer = object({ model_version: version });
const searchAnswer = object({ model_versions: listOf(version), next_page_token: optionalText });
const model = object({
  name,
  latest_versions: listOf(version),
  aliases: listOf(object({ alias: name, version: name })),
  tags,
});
const modelAnswer = object({ registered_model: model });
const modelsAnswer = object({ registered_models: listOf(model), next_page_token: optionalText });

/** Reads an answer of `runs/get`. Throws {@link InvalidEvaluation}. */
export function readRun(answer: unknown, source?: string): Run {
  const { info, data, inputs, outputs } = check(runAnswer, answer, source).run;
  const last = new Map<string, MetricValue>();
  for (const { key, value, ...at } of data?.metrics ?? []) {
    const { step, timestamp } = placeOf(at);
    const known = last.get(key);
    const isLater =
      known === undefined || step > known.step || (step === known.step && timestamp >= known.timestamp);
    if (isLater) last.set(key, { value, step, timestamp });
  }
  return {
    id: idOf(info, source),
    status: info.status,
    deleted: info.lifecycle_stage === 'deleted',
    metrics: last,
    tags: tagMap(data?.tags),
    loggedModels: [
      ...new Set(
        [...(outputs?.model_outputs ?? []), ...(inputs?.model_inputs ?? [])].map(({ model_id }) => model_id),
      ),
    ],
    datasets: (inputs?.dataset_inputs ?? []).flatMap(({ dataset }) =>
      dataset ? [{ name: dataset.name, digest: dataset.digest || undefined }] : [],
    ),
  };
}

const historyAnswer = object({
  metrics: listOf(object({ value: metricValue, timestamp: count, step: count })),
  next_page_token: optionalText,
});

/** A page of `metrics/get-history`. Throws {@link InvalidEvaluation}. */
export function readHistory(answer: unknown, source?: string): Page<MetricValue> {
  const { metrics, next_page_token } = check(historyAnswer, answer, source);
  return pageOf(
    (metrics ?? []).map(({ value, ...at }) => ({ value, ...placeOf(at) })),
    next_page_token,
  );
}

/** Reads an answer of `logged-models/ID`. Throws {@link InvalidEvaluation}. */
export function readLoggedModel(answer: unknown, source?: string): LoggedModel {
  const { info, data } = check(loggedModelAnswer, answer, source).model;
  const metrics = new Map<string, MetricValue[]>();
  for (const one of data?.metrics ?? []) {
    const { key, value } = one;
    const dataset = one.dataset_name
      ? { name: one.dataset_name, digest: one.dataset_digest || undefined }
      : undefined;
    const values = metrics.get(key) ?? [];
    values.push({ value, ...placeOf(one), runId: one.run_id || undefined, dataset });
    metrics.set(key, values);
  }
  return {
    id: info.model_id,
    name: info.name ?? '',
    status: info.status || undefined,
    runId: info.source_run_id || undefined,
    metrics,
    tags: tagMap(info.tags),
  };
}

/** Reads an answer of `model-versions/get` or `registered-models/alias`. Throws {@link InvalidEvaluation}. */
export function readModelVersion(answer: unknown, source?: string): ModelVersion {
  return modelVersionOf(check(versionAnswer, answer, source).model_version);
}

/** Reads an answer of `model-versions/search`. Throws {@link InvalidEvaluation}. */
export function readModelVersions(answer: unknown, source?: string): ModelVersion[] {
  return check(searchAnswer, answer, source).model_versions?.map(modelVersionOf) ?? [];
}

/** A page of `model-versions/search`. Throws {@link InvalidEvaluation}. */
export function readVersionPage(answer: unknown): Page<ModelVersion> {
  const { model_versions, next_page_token } = check(searchAnswer, answer);
  return pageOf((model_versions ?? []).map(modelVersionOf), next_page_token);
}

/** A page of `registered-models/search`. Throws {@link InvalidEvaluation}. */
export function readModelPage(answer: unknown): Page<RegisteredModelAnswer> {
  const { registered_models, next_page_token } = check(modelsAnswer, answer);
  return pageOf((registered_models ?? []).map(registeredModelOf), next_page_token);
}

function pageOf<Item>(items: readonly Item[], next: string | null | undefined): Page<Item> {
  return { items, ...(next && { next }) };
}

/** A registered model, with what its answer says of its versions. */
export interface RegisteredModelAnswer extends RegisteredModel {
  readonly latestVersions: readonly ModelVersion[];
  readonly aliases: readonly { readonly alias: string; readonly version: string }[];
}

/** Reads an answer of `registered-models/get`. Throws {@link InvalidEvaluation}. */
export function readRegisteredModel(answer: unknown, source?: string): RegisteredModelAnswer {
  return registeredModelOf(check(modelAnswer, answer, source).registered_model);
}

function registeredModelOf({
  name,
  tags,
  latest_versions,
  aliases,
}: z.output<typeof model>): RegisteredModelAnswer {
  return {
    name,
    tags: tagMap(tags),
    latestVersions: latest_versions?.map(modelVersionOf) ?? [],
    aliases: aliases ?? [],
  };
}

function modelVersionOf(answer: z.output<typeof version>): ModelVersion {
  return {
    name: answer.name,
    version: answer.version,
    runId: answer.run_id || undefined,
    modelId: answer.model_id || undefined,
    source: answer.source || undefined,
    status: answer.status || undefined,
    tags: tagMap(answer.tags),
    aliases: answer.aliases ?? [],
    createdAt: answer.creation_timestamp ?? undefined,
  };
}

/** Where a value stands in its metric's history: MLflow leaves out a 0. */
function placeOf({ step, timestamp }: Place): { step: number; timestamp: number } {
  return { step: step ?? 0, timestamp: timestamp ?? 0 };
}

interface Place {
  readonly step?: number | null | undefined;
  readonly timestamp?: number | null | undefined;
}

function tagMap(list: z.output<typeof tags>): ReadonlyMap<string, string> {
  return new Map((list ?? []).map(({ key, value }) => [key, value ?? '']));
}

function idOf({ run_id, run_uuid }: z.output<typeof runAnswer>['run']['info'], source?: string): string {
  const id = run_id || run_uuid;
  if (id) return id;
  const issue = { path: 'run.info.run_id', expected: 'a text that is not empty', found: show(run_id) };
  throw new InvalidEvaluation([issue], source);
}

function object<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.object(shape, expects('a JSON object'));
}

function optionalObject<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.optional(z.nullable(object(shape)));
}

function listOf<Item extends z.core.SomeType>(item: Item) {
  return z.optional(z.nullable(z.array(item, expects('a list'))));
}
