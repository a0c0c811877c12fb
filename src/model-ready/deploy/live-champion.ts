import { type ModelPolicies, policyFor } from '../../config/policy.ts';
import { isSame } from '../judge/datasets.ts';
import { measure } from '../judge/measure.ts';
import { notFinite } from '../judge/not-finite.ts';
import { subjectOfVersion } from '../judge/subject.ts';
import { type ModelRegistry, parseDataset } from '../registry/registry.ts';
import type { Champion } from './decide.ts';
import type { Announced } from './record.ts';

/**
 * Asks a registry for the champion of an announced model now, with its value of the announcement's metric on its
 * dataset. Undefined if there is none, or the model's policy compares with stated baselines only. Rejects with a
 * RegistryError.
 */
export async function liveChampion(
  registry: ModelRegistry,
  policies: ModelPolicies | undefined,
  { data }: Announced,
): Promise<Champion | undefined> {
  const { model_name, model_version, metric_name, dataset } = data;
  if (policyFor(policies ?? {}, model_name).baselines === 'stated') return undefined;
  const champion = await registry.alias(model_name, 'champion');
  if (champion === undefined) return undefined;
  const { version } = champion;
  // It is not compared with itself.
  if (version === model_version) return { version };
  const like = parseDataset(dataset);
  const subject = await subjectOfVersion(registry, champion);
  const measured = await measure(registry, subject, metric_name, { wanted: dataset, like });
  const { value, problem } = measured;
  if (value === undefined || problem !== undefined || notFinite(value) !== undefined) return { version };
  return isSame(measured.dataset, like) ? { version, value } : { version };
}
