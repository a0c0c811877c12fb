import * as z from 'zod/mini';
import { expects } from '../fields.ts';
import { check, metricValue } from '../judge/evaluation.ts';
import type { LoggedModel, MetricValue, ModelVersion, RegisteredModel, Run } from './registry.ts';

// What is read of the REST API's answers. Empty lists are omitted, a missing run id is null or ''.

const anyText = z.string(expects('a text'));
const name = anyText.check(z.minLength(1, expects('a text that is not empty')));
const count = z.optional(z.number(expects('a number')));
const tags = listOf(object({ key: anyText, value: z.optional(anyText) }));

const runAnswer = object({
  run: object({
    info: object({ run_id: name, status: name, lifecycle_stage: z.optional(anyText) }),
    data: z.optional(
      object({
        metrics: listOf(object({ key: anyText, value: metricValue, timestamp: count, step: count })),
        tags,
      }),
    ),
    outputs: z.optional(object({ model_outputs: listOf(object({ model_id: name })) })),
  }),
});

const loggedModelAnswer = object({
  model: object({
    info: object({
      model_id: name,
      name: z.optional(anyText),
      status: z.optional(anyText),
      source_run_id: z.optional(anyText),
      tags,
    }),
    data: z.optional(
      object({
        metrics: listOf(
          object({
            key: anyText,
            value: metricValue,
            timestamp: count,
            step: count,
            run_id: z.optional(anyText),
            dataset_name: z.optional(anyText),
            dataset_digest: z.optional(anyText),
          }),
        ),
      }),
    ),
  }),
});

const version = object({
  name,
  version: name,
  run_id: z.optional(z.nullable(anyText)),
  model_id: z.optional(z.nullable(anyText)),
  source: z.optional(z.nullable(anyText)),
  status: z.optional(anyText),
  tags,
  aliases: listOf(anyText),
});
const versionAnswer = object({ model_version: version });
const searchAnswer = object({ model_versions: listOf(version) });
const modelAnswer = object({
  registered_model: object({
    name,
    latest_versions: listOf(version),
    aliases: listOf(object({ alias: name, version: name })),
    tags,
  }),
});

/** Reads an answer of `runs/get`. Throws {@link InvalidEvaluation}. */
export function readRun(answer: unknown, source?: string): Run {
  const { info, data, outputs } = check(runAnswer, answer, source).run;
  const last = new Map<string, { value: number; step: number; timestamp: number }>();
  for (const { key, value, step = 0, timestamp = 0 } of data?.metrics ?? []) {
    const known = last.get(key);
    const isLater =
      known === undefined || step > known.step || (step === known.step && timestamp >= known.timestamp);
    if (isLater) last.set(key, { value, step, timestamp });
  }
  return {
    id: info.run_id,
    status: info.status,
    deleted: info.lifecycle_stage === 'deleted',
    metrics: new Map([...last].map(([key, { value }]) => [key, value])),
    tags: tagMap(data?.tags),
    loggedModels: outputs?.model_outputs?.map(({ model_id }) => model_id) ?? [],
  };
}

/** Reads an answer of `logged-models/ID`. Throws {@link InvalidEvaluation}. */
export function readLoggedModel(answer: unknown, source?: string): LoggedModel {
  const { info, data } = check(loggedModelAnswer, answer, source).model;
  const metrics = new Map<string, MetricValue[]>();
  for (const one of data?.metrics ?? []) {
    const { key, value, step = 0, timestamp = 0 } = one;
    const dataset = one.dataset_name
      ? { name: one.dataset_name, digest: one.dataset_digest || undefined }
      : undefined;
    const values = metrics.get(key) ?? [];
    values.push({ value, step, timestamp, runId: one.run_id || undefined, dataset });
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

/** A registered model, with what its answer says of its versions. */
export interface RegisteredModelAnswer extends RegisteredModel {
  readonly latestVersions: readonly ModelVersion[];
  readonly aliases: readonly { readonly alias: string; readonly version: string }[];
}

/** Reads an answer of `registered-models/get`. Throws {@link InvalidEvaluation}. */
export function readRegisteredModel(answer: unknown, source?: string): RegisteredModelAnswer {
  const { name, tags, latest_versions, aliases } = check(modelAnswer, answer, source).registered_model;
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
  };
}

function tagMap(list: z.output<typeof tags>): ReadonlyMap<string, string> {
  return new Map((list ?? []).map(({ key, value = '' }) => [key, value]));
}

function object<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  return z.object(shape, expects('a JSON object'));
}

function listOf<Item extends z.core.SomeType>(item: Item) {
  return z.optional(z.array(item, expects('a list')));
}
