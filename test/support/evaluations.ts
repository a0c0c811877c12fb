import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Fills a folder with evaluations of one model, a version and a file for each value: 0.5 is to be beaten. */
export function writeEvaluations(path: string, model_name: string, values: readonly number[]): string {
  mkdirSync(path, { recursive: true });
  for (const [index, current_value] of values.entries()) {
    const evaluation = {
      model_name,
      model_version: String(index),
      token_symbol: 'x',
      metric_name: 'f1',
      baseline_value: 0.5,
      current_value,
    };
    writeFileSync(join(path, `${index}.json`), JSON.stringify(evaluation));
  }
  return path;
}
