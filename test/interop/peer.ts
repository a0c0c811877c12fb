import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { WITHOUT_REDIS } from '../support/redis.ts';

/** The client that the programs on the other side use. */
const CLIENT = 'redis==5.2.1';
/** Kept for the next time. */
const CACHE = join(tmpdir(), `hikyaku-interop-${process.getuid?.() ?? 'user'}-${CLIENT.replace('==', '-')}`);

/** Programs in Python, which stand for the other side. Undefined where there is no Python to run them with. */
const python = prepare();

/** Cases that need the other side; skipped where it cannot be had, which in CI is a failure. */
export const describeInterop = describe.skipIf(python === undefined || WITHOUT_REDIS);

function prepare(): string | undefined {
  const ready = join(CACHE, 'bin/python');
  if (existsSync(ready)) return ready;
  if (spawnSync('python3', ['--version']).status !== 0) return skipped('there is no python3 on PATH');
  // Whoever is first keeps its own; files are tested at the same time.
  const made = `${CACHE}-${process.pid}`;
  mkdirSync(made, { recursive: true });
  try {
    execFileSync('python3', ['-m', 'venv', made], { stdio: 'pipe', timeout: 60_000 });
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', CLIENT];
    execFileSync(join(made, 'bin/python'), install, { stdio: 'pipe', timeout: 120_000 });
    renameSync(made, CACHE);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (existsSync(ready)) return ready;
    const why = error instanceof Error ? error.message : String(error);
    if (process.env['CI']) throw error;
    return skipped(`${CLIENT} could not be installed: ${why}`);
  }
  return ready;
}

function skipped(why: string): undefined {
  process.stderr.write(`\u001B[31m${why}: the tests with programs in Python are SKIPPED\u001B[0m\n`);
  return undefined;
}

/** A program of the other side that is running. */
export interface Running {
  /** Lines that it has printed. */
  readonly lines: readonly string[];
  /** Resolves with all lines when it has ended. Rejects with what it says when it fails. */
  readonly ended: Promise<string[]>;
  /** Resolves when it has printed so many. */
  printed(count: number): Promise<void>;
}

/** Starts a program of `peers/`, in the time zone of this process. */
export function startPeer(program: string, args: readonly string[], input?: string): Running {
  const path = join(import.meta.dirname, 'peers', `${program}.py`);
  const child = spawn(python ?? 'python3', ['-W', 'ignore', path, ...args], { stdio: 'pipe' });
  const lines: string[] = [];
  const waiting = new Map<() => void, number>();
  let rest = '';
  let problem = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    for (const [resolve, count] of waiting) if (lines.length >= count) resolve();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    problem += text;
  });
  const ended = new Promise<string[]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(lines);
      else reject(new Error(`${program}.py ${args.join(' ')} ended with ${code}: ${problem}`));
    });
  });
  ended.catch(() => undefined);
  child.stdin.end(input ?? '');
  return {
    lines,
    ended,
    printed: (count) =>
      Promise.race([
        new Promise<void>((resolve) => {
          if (lines.length >= count) resolve();
          else waiting.set(resolve, count);
        }),
        ended.then(() => undefined),
      ]),
  };
}

/** Runs it to its end: the lines it has printed. */
export function runPeer(program: string, args: readonly string[], input?: string): Promise<string[]> {
  return startPeer(program, args, input).ended;
}
