import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A server in a process of its own. */
export interface ServerProcess {
  readonly port: number;
  readonly judgePort?: number;
  stop(): Promise<void>;
}

/** The SQS emulator. */
export async function startFauxqs(): Promise<ServerProcess> {
  const { child, said } = await start('fauxqs-process.ts', []);
  return { port: Number(said), stop: () => kill(child) };
}

/** The SQS that does its worst. */
export async function startHostile(seed: number): Promise<ServerProcess> {
  const { child, said } = await start('hostile-process.ts', [String(seed)]);
  const [port, judgePort] = Array.isArray(said) ? said.map(Number) : [];
  if (port === undefined || judgePort === undefined) throw new Error('it did not say its ports');
  return { port, judgePort, stop: () => kill(child) };
}

async function start(file: string, words: readonly string[]) {
  const child = fork(join(import.meta.dirname, file), words);
  const [said]: unknown[] = await once(child, 'message');
  return { child, said };
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
