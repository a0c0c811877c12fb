import type { Arena } from './arena.ts';
import type { Death } from './children/invocation.ts';
import type { FunctionOptions } from './children/options.ts';
import type { Program } from './program.ts';

/** Runs a function as Lambda does: a process for each invocation at a time, used again until it dies. */
export interface Environments {
  /** What the function returned. Rejects when it threw, or died. */
  invoke(event: unknown): Promise<unknown>;
  /** Has invocations die, each in one of these ways. Resolves when all have. */
  doom(deaths: readonly Death[]): Promise<void>;
  /** The end of one that died: told right afterwards, with the event it had. */
  onDeath: (event: unknown) => Promise<void> | void;
}

/** @param timeoutMs After which Lambda kills. */
export function createEnvironments(
  { environment, random }: Pick<Arena, 'environment' | 'random'>,
  host: FunctionOptions['host'],
  timeoutMs: number,
): Environments {
  const idle: Program[] = [];
  const doomed: Death[] = [];
  let alive = 0;
  let allDead = (): void => undefined;

  async function invoke(event: unknown): Promise<unknown> {
    const program = idle.pop() ?? (await environment({ host }));
    const death = doomed.shift();
    const ms = death?.how === 'killed' ? random.whole(1, 150) : timeoutMs;
    let isKilled = false;
    let isAnswered = false;
    const timer = setTimeout(() => {
      isKilled = true;
      void program.kill();
    }, ms);
    try {
      const answer = await program.invoke({ event, timeoutMs, death });
      isAnswered = true;
      // It had too little to do: another one dies in its place, sooner.
      if (death !== undefined) doomed.push({ ...death, at: Math.max(1, death.at - 1) });
      if (isKilled) await program.exit;
      else idle.push(program);
      if ('error' in answer) throw new Error(answer.error);
      return answer.result;
    } finally {
      clearTimeout(timer);
      if (!isAnswered) {
        await environments.onDeath(event);
        if (death !== undefined && --alive === 0) allDead();
      }
    }
  }

  const environments: Environments = {
    invoke,
    onDeath: () => undefined,
    doom(deaths) {
      alive = deaths.length;
      doomed.push(...deaths);
      return new Promise((resolve) => {
        allDead = resolve;
      });
    },
  };
  return environments;
}
