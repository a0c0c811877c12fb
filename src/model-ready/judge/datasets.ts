import { type Dataset, describeDataset, type MetricValue } from '../registry/registry.ts';
import type { Problem } from './evidence.ts';

/** Which dataset a value is wanted of. */
export interface DatasetChoice {
  /** `name`, or `name@digest`, as a policy or a tag names it. */
  readonly wanted?: string | undefined;
  /** That of the value it will be compared with. */
  readonly like?: Dataset | undefined;
}

/** The values of a metric on one dataset. */
export interface DatasetValues {
  /** Absent where the values name none. */
  readonly dataset?: Dataset | undefined;
  readonly values: readonly MetricValue[];
}

/** Sorts the values of a metric by their datasets. */
export function byDataset(values: readonly MetricValue[]): DatasetValues[] {
  const groups = new Map<string, { dataset: Dataset | undefined; values: MetricValue[] }>();
  for (const one of values) {
    const key = JSON.stringify([one.dataset?.name, one.dataset?.digest]);
    const group = groups.get(key) ?? { dataset: one.dataset, values: [] };
    group.values.push(one);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/**
 * Chooses the dataset that a model is judged on. Values that name no dataset are taken for the one that is wanted, if
 * none of them names one; and where several digests of one name are there, the one that was measured last counts.
 *
 * @returns undefined where nothing was measured on what is wanted.
 */
export function chooseDataset(
  groups: readonly DatasetValues[],
  { wanted, like }: DatasetChoice,
): DatasetValues | Problem | undefined {
  const labelled = groups.filter(({ dataset }) => dataset !== undefined);
  const unlabelled = groups.find(({ dataset }) => dataset === undefined);
  if (labelled.length === 0) return unlabelled;
  const same = like && labelled.find(({ dataset }) => isSame(dataset, like));
  if (same) return same;
  if (wanted !== undefined) {
    const named = lastOf(labelled.filter(({ dataset }) => isNamed(dataset, wanted)));
    return named ?? (like && differs(labelled, like));
  }
  if (like) return unlabelled ?? differs(labelled, like);
  const [only] = groups;
  return groups.length === 1 ? only : ambiguous(groups);
}

/** Whether two values may be compared: on the same dataset, as far as both say on which. */
export function isSame(one: Dataset | undefined, other: Dataset | undefined): boolean {
  if (one === undefined || other === undefined) return true;
  if (one.name !== other.name) return false;
  return one.digest === undefined || other.digest === undefined || one.digest === other.digest;
}

/** Whether a policy or a tag means this dataset: by `name`, or by `name@digest`. */
export function isNamed(dataset: Dataset | undefined, wanted: string): boolean {
  return dataset !== undefined && (dataset.name === wanted || describeDataset(dataset) === wanted);
}

function lastOf(groups: readonly DatasetValues[]): DatasetValues | undefined {
  const newest = ({ values }: DatasetValues): number => Math.max(...values.map(({ timestamp }) => timestamp));
  return groups.toSorted((a, b) => newest(b) - newest(a))[0];
}

function ambiguous(groups: readonly DatasetValues[]): Problem {
  return {
    code: 'ambiguous_dataset',
    reason: `it was measured on ${groups.length} datasets, and none is chosen: ${names(groups)} (the tag benchmark.dataset chooses one)`,
  };
}

function differs(groups: readonly DatasetValues[], like: Dataset): Problem {
  return {
    code: 'different_dataset',
    reason: `it was measured on ${names(groups)}, not on ${describeDataset(like)}`,
  };
}

/** As a sentence lists them. */
function names(groups: readonly DatasetValues[]): string {
  return groups.map(({ dataset }) => (dataset ? describeDataset(dataset) : 'no named dataset')).join(', ');
}
