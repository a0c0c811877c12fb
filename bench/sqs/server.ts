import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Runs `measure` with an emulator of its own, with nothing of an earlier measurement in it. */
export async function withEmulator<Result>(measure: (url: string) => Promise<Result>): Promise<Result> {
  const child = fork(join(import.meta.dirname, 'emulator.ts'));
  const ended = once(child, 'exit');
  try {
    const [{ url }] = await Promise.race([
      once(child, 'message'),
      ended.then(() => Promise.reject(new Error('the emulator did not start'))),
    ]);
    return await measure(url);
  } finally {
    child.kill();
    await ended;
  }
}
