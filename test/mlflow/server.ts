import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';

/** A real MLflow server on SQLite, on a free port of the loopback interface. */
export interface MlflowServer {
  readonly url: string;
  /** Runs a Python script of this folder with these arguments; its output, one JSON object a line. */
  python(script: string, ...args: string[]): Promise<Record<string, unknown>[]>;
  stop(): Promise<void>;
}

/** How long a server may take to start on a machine that is busy. */
const PATIENCE_MS = 90_000;

/**
 * @param words More arguments of `mlflow server`.
 * @param environment More variables of the server and of scripts.
 */
export async function startMlflowServer(
  words: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<MlflowServer> {
  const bin = inject('mlflowBin');
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-mlflow-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, ...QUIET, ...environment };
  const server = spawn(
    join(bin, 'mlflow'),
    [
      'server',
      ...['--host', '127.0.0.1', '--port', String(port), '--workers', '1'],
      ...['--backend-store-uri', `sqlite:///${join(folder, 'mlflow.db')}`],
      ...['--artifacts-destination', join(folder, 'artifacts'), ...words],
    ],
    { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let log = '';
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => (log += String(chunk)));
  const stop = async (): Promise<void> => {
    await end(server);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilReady(url, server);
  } catch (error) {
    await stop();
    throw new Error(
      `MLflow did not start: ${error instanceof Error ? error.message : error}\n${log.slice(-2_000)}`,
    );
  }
  return { url, stop, python: (script, ...args) => runPython(join(bin, 'python'), script, args, env) };
}

const QUIET = {
  MLFLOW_DISABLE_TELEMETRY: 'true',
  MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT: 'true',
  GIT_PYTHON_REFRESH: 'quiet',
  PYTHONUNBUFFERED: '1',
};

async function untilReady(url: string, server: ChildProcess): Promise<void> {
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    if (server.exitCode !== null) throw new Error(`it ended with ${server.exitCode}`);
    const answer = await fetch(`${url}/health`, { signal: deadline }).catch(() => undefined);
    if (answer?.ok) return;
    if (deadline.aborted) throw new Error(`no answer within ${PATIENCE_MS / 1_000} s`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The server has workers: its whole group is ended. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.pid === undefined) return;
  const exited = once(server, 'exit');
  process.kill(-server.pid, 'SIGKILL');
  await exited;
}

async function runPython(
  python: string,
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Record<string, unknown>[]> {
  const child = spawn(python, [join(import.meta.dirname, script), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk) => (stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${script} ended with ${code}:\n${stderr.slice(-3_000)}`);
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
