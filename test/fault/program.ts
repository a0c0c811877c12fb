import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Answer, Invocation } from './children/invocation.ts';
import type { ChildOptions, FromChild, ToChild } from './children/options.ts';

/** A producer or a consumer that runs. */
export interface Program {
  readonly name: string;
  tell(message: ToChild): void;
  /** Resolves with what it says next. */
  heapBytes(): Promise<number>;
  /** What it answers to an event, where it is a function. Rejects when it dies before that. */
  invoke(invocation: Invocation): Promise<Answer>;
  /** As `kill -9`. Resolves when it is gone. */
  kill(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Its exit code; null after a kill. */
  readonly exit: Promise<number | null>;
  readonly running: boolean;
}

/** Starts a program of `children/`. Resolves when it is at work. */
export async function startProgram(
  file: 'producer' | 'consumer' | 'many-connections' | 'function',
  options: ChildOptions,
  environment: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const child = fork(join(import.meta.dirname, `children/${file}.ts`), [JSON.stringify(options)], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  // It may die while it is told something.
  child.on('error', () => undefined);
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let running = true;
  void exit.then(() => {
    running = false;
  });
  const failed = exit.then((code): never => {
    throw new Error(`${options.name} ended with ${code}: ${said}`);
  });
  failed.catch(() => undefined);
  await Promise.race([next(child, (message) => ('ready' in message ? true : undefined)), failed]);
  const tell = (message: ToChild): void => {
    if (child.connected) child.send(message);
  };
  return {
    name: options.name,
    exit,
    tell,
    get running() {
      return running;
    },
    signal: (signal) => void child.kill(signal),
    heapBytes() {
      const heap = next(child, (message) => ('heapBytes' in message ? message.heapBytes : undefined));
      tell({ do: 'measureHeap' });
      return Promise.race([heap, failed]);
    },
    invoke(invocation) {
      const answer = next(child, (message) => ('answer' in message ? message.answer : undefined));
      tell({ do: 'invoke', invocation });
      return Promise.race([answer, failed]);
    },
    async kill() {
      child.kill('SIGKILL');
      await exit;
    },
  };
}

/** Resolves with the first message in which something is found. */
function next<Found>(child: ChildProcess, find: (message: FromChild) => Found | undefined): Promise<Found> {
  return new Promise((resolve) => {
    const listener = (message: FromChild): void => {
      const found = find(message);
      if (found === undefined) return;
      child.off('message', listener);
      resolve(found);
    };
    child.on('message', listener);
  });
}
