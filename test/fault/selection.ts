/** What is to be run: `run.ts` writes it into the environment, the tests read it. */
export interface Selection {
  readonly seed: number;
  readonly nightly: boolean;
  /** Names of faults and carriers; empty: all. */
  readonly only: readonly string[];
  readonly carriers: readonly string[];
  /** The folder that the table is written to. */
  readonly out: string | undefined;
}

const PREFIX = 'HIKYAKU_FAULTS_';

export function readSelection(environment: NodeJS.ProcessEnv): Selection {
  const names = (name: string): string[] =>
    (environment[`${PREFIX}${name}`] ?? '').split(',').filter(Boolean);
  return {
    seed: Number(environment[`${PREFIX}SEED`] ?? 0),
    nightly: environment[`${PREFIX}NIGHTLY`] === '1',
    only: names('ONLY'),
    carriers: names('CARRIERS'),
    out: environment[`${PREFIX}OUT`],
  };
}

export function writeSelection({ seed, nightly, only, carriers, out }: Selection): NodeJS.ProcessEnv {
  return {
    [`${PREFIX}SEED`]: String(seed),
    [`${PREFIX}NIGHTLY`]: nightly ? '1' : '0',
    [`${PREFIX}ONLY`]: only.join(','),
    [`${PREFIX}CARRIERS`]: carriers.join(','),
    ...(out !== undefined && { [`${PREFIX}OUT`]: out }),
  };
}
