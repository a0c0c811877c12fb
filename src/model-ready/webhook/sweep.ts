import { deriveId } from '../../message/id.ts';
import { unlessMissing } from '../judge/subject.ts';
import { VERDICT_TAGS } from '../judge/write-back.ts';
import type { RegistrySearch } from '../registry/mlflow-search.ts';
import { type ModelRegistry, type ModelVersion, PROMPT } from '../registry/registry.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { CHALLENGER } from './registry-events.ts';

export interface SweepOptions {
  readonly search: RegistrySearch;
  readonly registry: Pick<ModelRegistry, 'modelVersion'>;
  /** Unix ms. */
  readonly since: number;
  readonly workspace?: string | undefined;
}

/**
 * Looks for what a webhook may have missed: versions that were registered since, and versions with the alias `challenger`,
 * which MLflow notes no time of. Versions that have a verdict in their tags are left out, and so are prompts.
 *
 * @returns a request for each, each version once. The same version asks under the same id each time.
 */
export async function findUnjudged({
  search,
  registry,
  since,
  workspace,
}: SweepOptions): Promise<ModelToEvaluate[]> {
  const found = new Map<string, ModelToEvaluate>();
  const add = (version: ModelVersion, what: string): void => {
    const key = JSON.stringify([version.name, version.version]);
    if (found.has(key) || version.tags.has(VERDICT_TAGS.verdict) || version.tags.has(PROMPT)) return;
    found.set(key, requestFor(version, what, workspace));
  };
  for await (const version of search.versionsSince(since)) add(version, 'registered');
  for await (const { name, aliases, tags } of search.models()) {
    const alias = aliases.find((one) => one.alias === CHALLENGER);
    if (alias === undefined || tags.has(PROMPT)) continue;
    // It may have been deleted since the search answered.
    const version = await unlessMissing(registry.modelVersion(name, alias.version));
    if (version !== undefined) add(version, CHALLENGER);
  }
  return [...found.values()];
}

function requestFor(version: ModelVersion, what: string, workspace: string | undefined): ModelToEvaluate {
  const { name: model_name, version: model_version } = version;
  return {
    source: 'mlflow',
    event: 'model_version.swept',
    // From what happened, not from when it was looked for: the next sweep says the same.
    delivery_id: deriveId(['sweep', workspace ?? '', model_name, model_version, what]),
    model_name,
    model_version,
    ...(workspace !== undefined && { workspace }),
  };
}
