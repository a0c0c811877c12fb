import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Starts the SQS emulator in a process of its own. */
export async function startFauxqs(): Promise<{ readonly port: number; stop(): Promise<void> }> {
  const child = fork(join(import.meta.dirname, 'fauxqs-process.ts'));
  const ended = once(child, 'exit');
  const [port]: unknown[] = await once(child, 'message');
  return {
    port: Number(port),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
