import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeSelection } from './selection.ts';

/**
 * `npm run test:faults -- [--nightly] [--seed N] [--only fault,…] [--carriers redis,…] [--out folder]`: makes faults and
 * judges. Whatever else is said goes to vitest.
 */
const own = ['--nightly', '--seed', '--only', '--carriers', '--out'];
const words = process.argv.slice(2).flatMap((word) => {
  const [, name, value] = /^(--\w+)=(.*)$/.exec(word) ?? [];
  return name !== undefined && value !== undefined && own.includes(name) ? [name, value] : [word];
});
const ours: string[] = [];
const others: string[] = [];
for (let index = 0; index < words.length; index++) {
  const word = words[index] ?? '';
  if (!own.includes(word)) others.push(word);
  else if (word === '--nightly') ours.push(word);
  else ours.push(word, words[++index] ?? '');
}
const { values } = parseArgs({
  args: ours,
  options: {
    nightly: { type: 'boolean', default: false },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    carriers: { type: 'string', default: '' },
    out: { type: 'string' },
  },
});
const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed);
if (!Number.isSafeInteger(seed)) throw new Error(`--seed is ${values.seed}: expected a whole number`);
const list = (text: string): string[] => text.split(',').filter(Boolean);

const root = join(import.meta.dirname, '../..');
const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--config',
    join(import.meta.dirname, 'vitest.config.ts'),
    ...others,
  ],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      ...writeSelection({
        seed,
        nightly: values.nightly,
        only: list(values.only),
        carriers: list(values.carriers),
        out: values.out,
      }),
    },
  },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
child.once('exit', (code) => {
  process.exitCode = code === 0 ? 0 : 1;
});
