import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Driver } from './driver.ts';
import type { Consumed, Paced, Pacing, Task } from './tasks.ts';

/** The producing and the consuming end of a driver, each a process. */
export interface Ends {
  saturate(from: number, count: number): Promise<void>;
  pace(pacing: Pacing): Promise<Paced>;
  /** Begins to consume messages whose numbers are below `most`. */
  open(most: number): Promise<void>;
  /** Resolves when `count` different messages have been handled, to how many have been. */
  handled(count: number): Promise<number>;
  /**
   * Closes both; rejects when what was handled and what is left on the server are not together what was sent.
   *
   * @param skip How many numbers' latencies do not count.
   */
  close(sent: number, skip?: number): Promise<Consumed>;
}

/** Runs `measure` with both ends of a driver, and ends their processes whatever happens. */
export async function withEnds<Result>(
  module: string,
  url: string,
  measure: (ends: Ends) => Promise<Result>,
): Promise<Result> {
  const start = (role: string): ChildProcess =>
    fork(join(import.meta.dirname, 'role.ts'), [module, role, url]);
  const consumer = start('consume');
  const producer = start('produce');
  const failed = Promise.race([consumer, producer].map(failure));
  failed.catch(() => undefined);

  async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
    const [answer] = await Promise.race([once(child, 'message'), failed]);
    return answer;
  }

  function ask<Answer>(child: ChildProcess, task: Task): Promise<Answer> {
    const answer = answerOf<Answer>(child);
    child.send(task);
    return answer;
  }

  try {
    await Promise.all([answerOf(consumer), answerOf(producer)]);
    return await measure({
      saturate: (from, count) => ask(producer, { do: 'saturate', from, count }),
      pace: (pacing) => ask(producer, { do: 'pace', ...pacing }),
      open: (most) => ask(consumer, { do: 'open', most }),
      handled: async (count) => (await ask<{ distinct: number }>(consumer, { do: 'handle', count })).distinct,
      async close(sent, skip = 0) {
        await ask(producer, { do: 'close', skip: 0 });
        const consumed = await ask<Consumed>(consumer, { do: 'close', skip });
        const { driver }: { driver: Driver } = await import(module);
        const left = await driver.left(url);
        if (consumed.distinct + left !== sent) {
          throw new Error(
            `${module}: sent ${sent}, but handled ${consumed.distinct} (${consumed.handled} times) and left ${left}`,
          );
        }
        return consumed;
      },
    });
  } finally {
    producer.kill();
    consumer.kill();
  }
}

async function failure(child: ChildProcess): Promise<never> {
  const [code] = await once(child, 'exit');
  // One that was told to close ends well; nobody waits for it any more.
  if (code === 0) await new Promise<never>(() => undefined);
  throw new Error(`${child.spawnargs.slice(-3).join(' ')} ended with ${code}`);
}
