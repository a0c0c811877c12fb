import {
  type LoggedModel,
  type ModelRegistry,
  type ModelVersion,
  RegistryError,
  type Run,
} from '../registry/registry.ts';
import type { Problem } from './evidence.ts';

/** A model whose values are looked up: a version, the logged model that it was made from, and the run behind both. */
export interface Subject {
  readonly version?: ModelVersion | undefined;
  /** Undefined for models of MLflow 2, and where saved answers do not have it. */
  readonly model?: LoggedModel | undefined;
  /** Known also where saved answers do not have the model. */
  readonly modelId?: string | undefined;
  /** The run that logged it. */
  readonly run?: Run | undefined;
  /** Why its values must not be used. */
  readonly problem?: Problem | undefined;
}

/** A version, from its logged model and its run. Throws {@link RegistryError}. */
export async function subjectOfVersion(registry: ModelRegistry, version: ModelVersion): Promise<Subject> {
  const original = await originalOf(registry, version);
  if ('problem' in original) return { version, problem: original.problem };
  const said = version.modelId ?? original.version.modelId ?? idInSource(original.version.source);
  const found = said === undefined ? undefined : await findModel(registry, said);
  const runId = version.runId ?? original.version.runId ?? found?.runId;
  const run = runId === undefined ? undefined : await findRun(registry, runId);
  const subject = { version, modelId: said, model: found, run };
  if (run === undefined && runId !== undefined && registry.isComplete) {
    return { ...subject, problem: { code: 'run_deleted', reason: `run ${runId} is deleted` } };
  }
  if (said !== undefined) return { ...subject, problem: found ? undefined : goneModel(registry, said) };
  return { ...subject, ...(run && (await modelOfRun(registry, run, original.version.source))) };
}

/** A run that is judged or compared by itself. */
export async function subjectOfRun(
  registry: ModelRegistry,
  run: Run,
  version?: ModelVersion,
): Promise<Subject> {
  return { version, run, ...(await modelOfRun(registry, run, version?.source)) };
}

/** As many copies of copies are followed. */
const MOST_COPIES = 20;

/** A copy's source names the version it was copied from: the first one has the source of the model itself. */
async function originalOf(
  registry: ModelRegistry,
  version: ModelVersion,
): Promise<{ version: ModelVersion } | { problem: Problem }> {
  const seen = new Set<string>();
  let one = version;
  for (;;) {
    const [, name, number] = /^models:\/([^/@]+)\/(\d+)$/.exec(one.source ?? '') ?? [];
    if (name === undefined || number === undefined) return { version: one };
    const key = `${name}/${number}`;
    if (seen.has(key) || seen.size >= MOST_COPIES) {
      return invalidSource(`its source leads around in a circle, or over more than ${MOST_COPIES} copies`);
    }
    seen.add(key);
    const next = await unlessMissing(registry.modelVersion(name, number));
    if (next === undefined) {
      // Saved answers may lack it: what the copy itself says is used then.
      if (!registry.isComplete) return { version: one };
      return invalidSource(`its source is a copy of ${name} ${number}, which is not there any more`);
    }
    one = next;
  }
}

function invalidSource(reason: string): { problem: Problem } {
  return { problem: { code: 'invalid_source', reason } };
}

/** `models:/m-…`, or the folder of a logged model's artifacts. */
function idInSource(source: string | undefined): string | undefined {
  const [, id, inPath] =
    /^models:\/(m-[^/]+)$|\/models\/(m-[0-9a-f]{32})\/artifacts(?:\/|$)/.exec(source ?? '') ?? [];
  return id ?? inPath;
}

/** A run may have logged several models: the source says which by its name. */
async function modelOfRun(
  registry: ModelRegistry,
  run: Run,
  source: string | undefined,
): Promise<Pick<Subject, 'model' | 'modelId' | 'problem'>> {
  const ids = run.loggedModels;
  const [only] = ids;
  if (only === undefined) return {};
  const found = await Promise.all(ids.map((id) => findModel(registry, id)));
  const models = found.flatMap((model) => model ?? []);
  const [, named] = /^runs:\/[^/]+\/(.+)$/.exec(source ?? '') ?? [];
  // What a run only evaluated is not its own, unless it has nothing else.
  const own = models.filter(({ runId }) => runId === run.id);
  const byName = own.filter(({ name }) => name === named);
  const candidates = byName.length > 0 ? byName : own.length > 0 ? own : models;
  const [model] = candidates;
  if (candidates.length === 1 && model !== undefined) return { model, modelId: model.id };
  if (models.length === 0 && ids.length === 1) {
    return { modelId: only, problem: goneModel(registry, only) };
  }
  return { problem: ambiguous(run, candidates.length > 0 ? candidates.map(({ id }) => id) : ids) };
}

/** The values of a run with several models cannot be told apart. */
export function ambiguous(run: Run, ids: readonly string[]): Problem {
  return {
    code: 'ambiguous_metric',
    reason: `run ${run.id} logged ${ids.length} models, and nothing says which of them it is: ${ids.join(', ')} (register it from models:/m-…)`,
  };
}

function goneModel(registry: ModelRegistry, id: string): Problem | undefined {
  return registry.isComplete ? { code: 'model_deleted', reason: `logged model ${id} is deleted` } : undefined;
}

function findModel(registry: ModelRegistry, id: string): Promise<LoggedModel | undefined> {
  return unlessMissing(registry.loggedModel(id));
}

/** Undefined if the registry has no such run. */
export function findRun(registry: ModelRegistry, id: string): Promise<Run | undefined> {
  return unlessMissing(registry.run(id));
}

/** Undefined for what the registry does not have. Throws other {@link RegistryError}s. */
export async function unlessMissing<Found>(asked: Promise<Found>): Promise<Found | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'NotFound') return undefined;
    throw error;
  }
}
