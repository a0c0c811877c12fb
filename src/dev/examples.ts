import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What is emitted together: the documents of one registered model, or one evaluation. */
export interface Example {
  readonly name: string;
  readonly documents: readonly unknown[];
}

/**
 * Reads the example models of a folder: `mlflow/runs/<kind>.<model>….json`, answers of an MLflow server, and
 * `evaluations/<name>.json`. In the order of their names; none where there is no such folder.
 */
export async function readExamples(folder: string): Promise<Example[]> {
  const groups = new Map<string, unknown[]>();
  const runs = join(folder, 'mlflow', 'runs');
  for (const file of await jsonFiles(runs)) {
    const [kind, model] = file.split('.');
    if (kind === 'error' || model === undefined) continue;
    const name = `mlflow/${model}`;
    groups.set(name, [...(groups.get(name) ?? []), await readJson(join(runs, file))]);
  }
  const evaluations = join(folder, 'evaluations');
  for (const file of await jsonFiles(evaluations)) {
    groups.set(`evaluations/${file}`, [await readJson(join(evaluations, file))]);
  }
  return [...groups].map(([name, documents]) => ({ name, documents }));
}

async function jsonFiles(folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [];
  const files = await readdir(folder);
  return files.filter((file) => file.endsWith('.json')).toSorted();
}

async function readJson(file: string): Promise<unknown> {
  return JSON.parse(await readFile(file, 'utf8'));
}
