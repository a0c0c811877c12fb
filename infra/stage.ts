import { prefixName } from '../src/message/names.ts';
import { choose } from './invalid-context.ts';

/** `prod` keeps its queues and logs when a stack goes; `dev` takes them with it. */
export type Stage = 'dev' | 'prod';

const STAGES: readonly Stage[] = ['dev', 'prod'];

/** Reads the context `stage`. Default `dev`. Throws {@link InvalidContext}. */
export function parseStage(value: unknown): Stage {
  return choose('stage', value, STAGES) ?? 'dev';
}

/**
 * What a stage's queue names begin with, so that both stages fit into one account: `hikyaku-dev`. It is the
 * `prefix` of the stage's `TRANSPORT_URL`. Throws `InvalidName` when it gets too long.
 */
export function stagePrefix(prefix: string, stage: Stage): string {
  return prefixName(`${prefix}-${stage}`);
}

/** A stack's name, which takes no `_`. */
export function stackName(prefix: string, what: string): string {
  return `${prefix.replaceAll('_', '-')}-${what}`;
}
