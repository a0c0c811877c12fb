import {
  type ModelRegistry,
  type ModelVersion,
  PROMPT,
  type RegisteredModel,
  type Run,
} from '../registry/registry.ts';
import { baselinesOf } from './baselines.ts';
import type { Evidence, JudgedModel, Measured, Problem } from './evidence.ts';
import { guardrailsFound, lookUpGuardrails, sliceNames } from './guardrails.ts';
import { measure } from './measure.ts';
import { effectivePolicy, type JudgeSettings } from './settings.ts';
import { type Subject, subjectOfRun, subjectOfVersion, unlessMissing } from './subject.ts';
import { readTags, type Tags } from './tags.ts';

/** The evidence for a model version. Throws {@link RegistryError} also if there is no such version. */
export async function evidenceOfVersion(
  registry: ModelRegistry,
  version: ModelVersion,
  settings: JudgeSettings = {},
): Promise<Evidence> {
  const [subject, registered] = await Promise.all([
    subjectOfVersion(registry, version),
    unlessMissing(registry.registeredModel(version.name)),
  ]);
  return evidenceOf(registry, subject, registered, settings);
}

/** The evidence for a run, registered as a version of this name or not at all. Throws {@link RegistryError}. */
export async function evidenceOfRun(
  registry: ModelRegistry,
  run: Run,
  version?: ModelVersion,
  settings: JudgeSettings = {},
): Promise<Evidence> {
  const registered = version && (await unlessMissing(registry.registeredModel(version.name)));
  return evidenceOf(registry, await subjectOfRun(registry, run, version), registered, settings);
}

async function evidenceOf(
  registry: ModelRegistry,
  subject: Subject,
  registered: RegisteredModel | undefined,
  settings: JudgeSettings,
): Promise<Evidence> {
  const { version, run } = subject;
  const tags: Tags = new Map([...(registered?.tags ?? []), ...(version?.tags ?? []), ...(run?.tags ?? [])]);
  const read = readTags(tags);
  const policy = effectivePolicy(settings, version?.name ?? null, read.policy);
  const metric = policy.metric === undefined ? null : asLogged(subject, policy.metric);
  const about = {
    model: judgedModel(subject, tags, read),
    metric,
    policy,
    problem: problemOf(subject, registered) ?? read.problem,
  };
  if (metric === null || about.problem !== undefined) {
    const candidate: Measured = { from: 'not looked up' };
    return { ...about, candidate, baselines: [], isBaseline: false, guardrails: [] };
  }
  const candidate = await measure(registry, subject, metric, { wanted: policy.dataset });
  const found = await baselinesOf(registry, subject, tags, metric, policy, candidate);
  const { baselines, isBaseline, problem } = found;
  const guardings = lookUpGuardrails(policy, metric, baselines.length, (of, name, slice) =>
    measureSlice(registry, of === 'candidate' ? subject : found.subjects[of], name, slice, candidate),
  );
  const guardrails = await guardrailsFound(guardings);
  return { ...about, candidate, baselines, isBaseline, guardrails, problem };
}

function judgedModel(
  { version, run, model, modelId }: Subject,
  tags: Tags,
  { policy: _, problem: __, ...read }: ReturnType<typeof readTags>,
): JudgedModel {
  return {
    ...read,
    model_name: version?.name ?? null,
    model_version: version?.version ?? null,
    ...(run && { run_status: run.status, mlflow_run_id: run.id }),
    ...(version?.status && { version_status: version.status }),
    ...((model?.id ?? modelId) && { model_id: model?.id ?? modelId }),
    ...(version?.source && { source_uri: version.source.slice(0, MOST_SOURCE) }),
    tags: passedOn(tags),
  };
}

const MOST_SOURCE = 2_048;
/** Of all tags of an announcement, in characters. */
const MOST_TAGS = 65_536;
const MOST_TAG = 8_000;
const MOST_KEY = 250;

/** The tags that travel with the announcement: not MLflow's own, not ours, and not those that are documents. */
function passedOn(tags: Tags): Record<string, string> {
  let left = MOST_TAGS;
  return Object.fromEntries(
    [...tags].filter(([key, value]) => {
      if (key.startsWith('mlflow.') || key.startsWith('hikyaku.')) return false;
      if (key === '' || key.length > MOST_KEY || value.length > MOST_TAG) return false;
      left -= key.length + value.length;
      return left >= 0;
    }),
  );
}

/** Why the model cannot be judged at all. */
function problemOf(
  { problem, run, model }: Subject,
  registered: RegisteredModel | undefined,
): Problem | undefined {
  if (registered?.tags.get(PROMPT)?.toLowerCase() === 'true') {
    return { code: 'not_a_model', reason: 'it is a prompt, not a model' };
  }
  if (problem !== undefined) return problem;
  if (run?.deleted) return { code: 'run_deleted', reason: `run ${run.id} is deleted` };
  const { status = READY } = model ?? {};
  if (status === READY) return undefined;
  return {
    code: 'model_not_ready',
    reason: `logged model ${model?.id} is ${status}, not ${READY}`,
    mayPass: status === 'LOGGED_MODEL_PENDING',
  };
}

const READY = 'LOGGED_MODEL_READY';

/** MLflow takes no `@` in the name of a metric: `ndcg@10` is logged as `ndcg_at_10`. */
function asLogged(subject: Subject, metric: string): string {
  const spelledOut = metric.replaceAll('@', '_at_');
  return !isLogged(subject, metric) && isLogged(subject, spelledOut) ? spelledOut : metric;
}

function isLogged({ run, model }: Subject, metric: string): boolean {
  return model?.metrics.has(metric) === true || run?.metrics.has(metric) === true;
}

/**
 * A slice is a dataset of its name, or a metric that has it in its own name. A baseline that is a number in a tag has no
 * other values.
 */
async function measureSlice(
  registry: ModelRegistry,
  subject: Subject | undefined,
  metric: string,
  slice: string | undefined,
  { dataset: like }: Measured,
): Promise<Measured> {
  if (subject === undefined) return { from: 'the tag baseline.value' };
  if (slice === undefined) return measure(registry, subject, metric, { like });
  const onDataset = subject.model?.metrics.get(metric)?.some(({ dataset }) => dataset?.name === slice);
  if (onDataset) return measure(registry, subject, metric, { wanted: slice });
  const name = sliceNames(metric, slice).find((one) => isLogged(subject, one));
  return name === undefined ? { from: 'nowhere' } : measure(registry, subject, name, { like });
}
