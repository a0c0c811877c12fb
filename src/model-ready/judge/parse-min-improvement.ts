import type { ModelPolicy } from '../../config/policy.ts';

/** A text that is no minimum improvement. */
export class InvalidMinImprovement extends Error {
  override readonly name = 'InvalidMinImprovement';
}

/** The least gain of a policy, in one of two ways. */
export type MinImprovement = Pick<ModelPolicy, 'minGain' | 'minRelativeGain'>;

/** That of `MIN_IMPROVEMENT`; empty is none. Throws {@link InvalidMinImprovement}. */
export function minImprovementFrom(environment: NodeJS.ProcessEnv): MinImprovement | undefined {
  const least = environment['MIN_IMPROVEMENT'];
  return least ? parseMinImprovement(least) : undefined;
}

/** Reads `0.01` (in the metric's unit) or `1%` (of the baseline). Throws {@link InvalidMinImprovement}. */
export function parseMinImprovement(text: string): MinImprovement {
  const [, digits, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  if (digits === undefined) {
    throw new InvalidMinImprovement(
      `${JSON.stringify(text)} is no minimum improvement: expected a number such as 0.01, or a share of the baseline such as 1%`,
    );
  }
  return percent === '%' ? { minRelativeGain: Number(digits) / 100 } : { minGain: Number(digits) };
}
