import { spawnSync } from 'node:child_process';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** The command that starts a server; empty where there is none. */
    redisServer: string;
  }
}

const COMMANDS = ['redis-server', 'valkey-server'];
const INSTALLERS = [
  { command: 'apt-get', args: ['install', '-y', '--no-install-recommends', 'redis-server'], asRoot: true },
  { command: 'brew', args: ['install', 'redis'], asRoot: false },
];

/**
 * Finds a Redis or Valkey server for the tests, or installs one. Without one, CI fails; on a laptop the tests
 * that need it are skipped, and this says so.
 */
export default function setup({ provide }: TestProject): void {
  const server = find() ?? install() ?? '';
  if (server === '') {
    const cure = 'install it: "apt-get install redis-server" or "brew install redis"';
    if (process.env['CI']) throw new Error(`no redis-server and no valkey-server on PATH: ${cure}`);
    process.stderr.write(
      `\u001B[31mno redis-server on PATH: the tests on Redis are SKIPPED; to run them, ${cure}\u001B[0m\n`,
    );
  }
  provide('redisServer', server);
}

function find(): string | undefined {
  return COMMANDS.find((command) => spawnSync(command, ['--version']).status === 0);
}

function install(): string | undefined {
  for (const { command, args, asRoot } of INSTALLERS) {
    if (asRoot && process.getuid?.() !== 0) continue;
    if (spawnSync(command, ['--version']).status !== 0) continue;
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
