import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const CDK = join(ROOT, 'node_modules/aws-cdk/bin/cdk');

/** Runs the `cdk` of this project on LocalStack, and resolves to all that it printed. Rejects with that when it fails. */
export function cdk(words: readonly string[], environment = inject('localstack')): Promise<string> {
  const child = spawn(process.execPath, [CDK, ...words], {
    cwd: ROOT,
    env: { ...environment, NO_COLOR: '1', CI: 'true' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`cdk ${words.join(' ')} ended with ${code}:\n${printed}`));
    });
  });
}

/** What a deployment prints of each stack, by its name. */
export type Outputs = Readonly<Record<string, string>>;

/** Deploys all stacks of this project, as the documents say. */
export async function deploy(context: Readonly<Record<string, string>>) {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-deploy-'));
  const file = join(folder, 'outputs.json');
  try {
    const printed = await cdk([
      ...['deploy', '--all', '--require-approval', 'never', '--progress', 'events'],
      ...['--outputs-file', file],
      ...asWords(context),
    ]);
    const stacks: Record<string, Record<string, string>> = JSON.parse(readFileSync(file, 'utf8'));
    const outputs: Outputs = Object.assign({}, ...Object.values(stacks));
    return { printed, outputs, stacks: Object.keys(stacks) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Takes all stacks away. */
export function destroy(context: Readonly<Record<string, string>>): Promise<string> {
  return cdk(['destroy', '--all', '--force', ...asWords(context)]);
}

function asWords(context: Readonly<Record<string, string>>): string[] {
  return Object.entries(context).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}
