import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The folder that has `mlflow` and `python`. */
    mlflowBin: string;
  }
}

/** Its answers are what the tests are about. */
const MLFLOW = 'mlflow[auth]==3.17.2';

/** Installs MLflow from PyPI into a virtual environment that is kept, or takes the one that `HIKYAKU_MLFLOW` names. */
export default function setup(project: TestProject): void {
  const given = process.env['HIKYAKU_MLFLOW'];
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  const folder = given ?? join(cache, 'hikyaku', MLFLOW.replace(/\W+/g, '-'));
  const bin = join(folder, 'bin');
  const done = join(folder, 'done');
  if (given === undefined && !existsSync(done)) {
    run('python3', ['-m', 'venv', '--clear', folder]);
    run(join(bin, 'pip'), ['install', '--quiet', '--disable-pip-version-check', MLFLOW]);
    writeFileSync(done, '');
  }
  project.provide('mlflowBin', bin);
}

function run(command: string, words: readonly string[]): void {
  const { status, error } = spawnSync(command, words, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Error(`${command} ${words.join(' ')} failed: ${error?.message ?? status}`);
}
