import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { run } from '../../src/cli/program.ts';

const BIN = fileURLToPath(new URL('../../bin/hikyaku.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A command that runs in a process of its own. */
export interface RunningCommand {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Objects printed so far, one a line. */
  readonly events: () => Record<string, unknown>[];
  /** Resolves with the first printed object that has these fields. Rejects when the process ends before. */
  waitFor(fields: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** Resolves with the exit code; null after a kill. */
  readonly exit: Promise<number | null>;
}

/** Starts `hikyaku` with these words, in the project's folder or another. */
export function startCli(
  words: readonly string[],
  environment: NodeJS.ProcessEnv,
  folder = ROOT,
): RunningCommand {
  const child = spawn(process.execPath, [BIN, ...words], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: '/nonexistent', NO_COLOR: '1', ...environment },
  });
  let stdout = '';
  let stderr = '';
  const looks = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const look of looks) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  const events = (): Record<string, unknown>[] =>
    stdout
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    events,
    exit,
    waitFor(fields) {
      return new Promise((resolve, reject) => {
        const look = (): void => {
          const found = events().find((event) =>
            Object.entries(fields).every(([key, value]) => event[key] === value),
          );
          if (found === undefined) return;
          looks.delete(look);
          resolve(found);
        };
        looks.add(look);
        look();
        void exit.then((code) => {
          look();
          reject(new Error(`ended with ${code} before ${JSON.stringify(fields)}:\n${stdout}\n${stderr}`));
        });
      });
    },
  };
}

/** Runs `hikyaku` in this process: quicker, and seen by coverage. What it prints is kept from the terminal. */
export async function runHere(words: readonly string[], environment: NodeJS.ProcessEnv) {
  const output = { stdout: '', stderr: '' };
  const keep = (to: 'stdout' | 'stderr') => (chunk: unknown) => {
    output[to] += String(chunk);
    return true;
  };
  const before = { ...process.env };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(keep('stdout')),
    vi.spyOn(process.stderr, 'write').mockImplementation(keep('stderr')),
    vi.spyOn(console, 'error').mockImplementation((text) => void keep('stderr')(`${text}\n`)),
  ];
  Object.assign(process.env, { NO_COLOR: '1', ...environment });
  try {
    const code = await run(words);
    const events: Record<string, unknown>[] = output.stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    return { code, ...output, events };
  } finally {
    for (const spy of spies) spy.mockRestore();
    for (const key of Object.keys(process.env)) delete process.env[key];
    Object.assign(process.env, before);
  }
}
