import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type RunningCommand, startCli } from './cli.ts';

interface Expected {
  readonly registered_model: string;
  readonly version: string;
  readonly should_pass: boolean | null;
}

/** What is to become of the examples. */
export const EXPECTED: readonly Expected[] = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../examples/mlflow/expected.json'), 'utf8'),
);

/** Those that are deployed, as {@link modelsOf} names them. */
export const PASSING: readonly string[] = EXPECTED.filter(({ should_pass }) => should_pass)
  .map(({ registered_model, version }) => `${registered_model} v${version}`)
  .toSorted();

/** Of which models there are events of this kind. */
export function modelsOf(events: readonly Record<string, unknown>[], kind: string): string[] {
  return events
    .filter(({ event }) => event === kind)
    .map(({ model_name, model_version }) => `${model_name} v${model_version}`)
    .toSorted();
}

/** The model that a better one takes the place of before it is deployed. */
export const SUPERSEDED = 'diabetes-progression v2';

/** Every model that passes is deployed, but for one that is tried again until a better one is there. */
export function expectOutcomes(events: readonly Record<string, unknown>[]): void {
  expect(modelsOf(events, 'superseded')).toEqual([SUPERSEDED]);
  expect(modelsOf(events, 'deployed')).toEqual(PASSING.filter((name) => name !== SUPERSEDED));
  // The better one is retried once; the other one until it is superseded, if it came first.
  expect(events.some(({ event }) => event === 'retried')).toBe(true);
}

/** Runs the whole system once, on the carrier of the environment: it gives the account that it gives on SQS. */
export async function runDevOnce(environment: NodeJS.ProcessEnv): Promise<RunningCommand> {
  const command = startCli(['dev', '--once', '--json'], environment);
  expect(await command.exit, command.stderr()).toBe(0);
  const events = command.events();
  const of = (kind: string) => events.filter(({ event }) => event === kind);
  expectOutcomes(events);
  expect(of('dead_lettered')).toHaveLength(2);
  expect(of('replayed')).toHaveLength(1);
  expect(events.at(-1)).toMatchObject({
    event: 'settled',
    queues: [
      { subscription: 'deploy', ready: 0, inFlight: 0, delayed: 0, dead: 1 },
      { subscription: 'judge', ready: 0, inFlight: 0, delayed: 0, dead: 0 },
    ],
  });
  return command;
}
