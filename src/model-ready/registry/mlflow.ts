import { evaluationFromTags, metricIn, numberIn } from '../judge/benchmark-tags.ts';
import type { Evaluation } from '../judge/evaluation.ts';
import { type ModelRegistry, type ModelVersion, RegistryError, type Run } from './registry.ts';

/** What others of the model are compared with, where the run does not say. */
const CHAMPION = 'champion';

/** Looks up a model version, its run and its baseline. Throws {@link RegistryError}, {@link InvalidEvaluation}. */
export async function evaluationOfVersion(
  registry: ModelRegistry,
  name: string,
  version: string,
): Promise<Evaluation> {
  const found = await registry.modelVersion(name, version);
  return evaluationOfRun(
    registry,
    found.runId === undefined ? undefined : await registry.run(found.runId),
    found,
  );
}

/**
 * The evaluation of a run, registered or not, or of a version that has no run. Tags are those of the run or, where it
 * has none of a name, of the version. What it is compared with is
 * said by the tags `baseline.value` or `baseline.run_id`; without them, it is the model's alias `champion`.
 *
 * @throws InvalidEvaluation when a tag cannot be read.
 */
export async function evaluationOfRun(
  registry: ModelRegistry,
  run: Run | undefined,
  version: ModelVersion | undefined,
): Promise<Evaluation> {
  const tags = new Map([...(version?.tags ?? []), ...(run?.tags ?? [])]);
  const metric = metricIn(tags);
  const baseline = metric === undefined ? {} : await baselineOf(registry, metric, tags, run, version);
  const known = {
    ...baseline,
    model_name: version?.name ?? null,
    model_version: version?.version ?? null,
    current_value: metric === undefined ? undefined : run?.metrics.get(metric),
    run_status: run?.status,
    version_status: version?.status,
    model_id: loggedModel(run, version),
    mlflow_run_id: run?.id,
    source_uri: version?.source,
    tags: Object.fromEntries([...tags].filter(([key]) => !key.startsWith('mlflow.'))),
  };
  return evaluationFromTags(tags, known, nameOf(run, version));
}

interface Baseline {
  readonly baseline_value?: number | undefined;
  readonly is_baseline?: boolean;
}

async function baselineOf(
  registry: ModelRegistry,
  metric: string,
  tags: ReadonlyMap<string, string>,
  run: Run | undefined,
  version: ModelVersion | undefined,
): Promise<Baseline> {
  const runId = tags.get('baseline.run_id');
  if (run !== undefined && runId === run.id) return { is_baseline: true };
  const value = numberIn(tags, 'baseline.value', nameOf(run, version));
  if (value !== undefined) return { baseline_value: value };
  if (runId) return { baseline_value: await valueIn(registry, runId, metric) };
  const champion = version && (await registry.alias(version.name, CHAMPION));
  if (champion === undefined) return {};
  if (champion.version === version?.version) return { is_baseline: true };
  return champion.runId === undefined
    ? {}
    : { baseline_value: await valueIn(registry, champion.runId, metric) };
}

/** Undefined where the run is not there: then there is no baseline to compare with. */
async function valueIn(registry: ModelRegistry, runId: string, metric: string): Promise<number | undefined> {
  try {
    return (await registry.run(runId)).metrics.get(metric);
  } catch (error) {
    if (error instanceof RegistryError && error.code === 'NotFound') return undefined;
    throw error;
  }
}

function nameOf(run: Run | undefined, version: ModelVersion | undefined): string {
  return version === undefined ? `run ${run?.id}` : `${version.name} ${version.version}`;
}

/** A run may log several models: the version's source says which it is. */
function loggedModel(run: Run | undefined, version: ModelVersion | undefined): string | undefined {
  const [, fromSource] = /^models:\/(m-[^/]+)$/.exec(version?.source ?? '') ?? [];
  return fromSource ?? run?.loggedModels.at(-1);
}
