import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The command that starts a server; empty where there is none. */
    redisServer: string;
    /** The one that starts Valkey; empty where it is not on PATH. */
    valkeyServer: string;
  }
}

const VALKEY = 'valkey-server';
const COMMANDS = ['redis-server', VALKEY];
const INSTALLERS = [
  { command: 'apt-get', args: ['install', '-y', '--no-install-recommends', 'redis-server'], asRoot: true },
  { command: 'brew', args: ['install', 'redis'], asRoot: false },
];

/**
 * Finds a Redis or Valkey server for the tests, or installs one; `HIKYAKU_REDIS_SERVER` names another. Without
 * one, CI fails; on a laptop the tests that need it are skipped, and this says so.
 */
export default function setup({ provide }: TestProject): void {
  const server = chosen() ?? find() ?? install() ?? '';
  if (server === '') {
    const cure = 'install it: "apt-get install redis-server" or "brew install redis"';
    if (process.env['CI']) throw new Error(`no redis-server and no valkey-server on PATH: ${cure}`);
    process.stderr.write(
      `\u001B[31mno redis-server on PATH: the tests on Redis are SKIPPED; to run them, ${cure}\u001B[0m\n`,
    );
  }
  provide('redisServer', server);
  provide('valkeyServer', answers(VALKEY) ? VALKEY : '');
}

function chosen(): string | undefined {
  const command = process.env['HIKYAKU_REDIS_SERVER'];
  if (!command) return undefined;
  if (answers(command)) return command;
  throw new Error(`HIKYAKU_REDIS_SERVER is ${command}, and "${command} --version" does not answer`);
}

function find(): string | undefined {
  return COMMANDS.find(answers);
}

function answers(command: string): boolean {
  return spawnSync(command, ['--version']).status === 0;
}

function install(): string | undefined {
  for (const { command, args, asRoot } of INSTALLERS) {
    if (asRoot && process.getuid?.() !== 0) continue;
    if (!answers(command)) continue;
    process.stderr.write(`no redis-server on PATH: ${command} ${args.join(' ')}\n`);
    if (run(command, args)) return find();
    // Where its lists are missing or old, the package is not found until they have been fetched.
    if (run(command, ['update']) && run(command, args)) return find();
  }
  return undefined;
}

function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { timeout: 120_000 }).status === 0;
}
