import type { ModelPolicy } from '../../config/policy.ts';
import type { GuardedMetric, Measured } from './evidence.ts';

/** Looks up one value of the candidate, or of the baseline at this index. */
export type Lookup<Found> = (of: 'candidate' | number, metric: string, slice: string | undefined) => Found;

/** A guardrail with everything that was left out, and what was found for it: promises, or values. */
export interface Guarding<Found> extends Omit<GuardedMetric, 'candidate' | 'baselines'> {
  readonly candidate: Found;
  readonly baselines: readonly Found[];
}

/**
 * Looks up what the guardrails of a policy look at.
 *
 * @param metric The metric that models are compared by.
 * @param baselines How many there are.
 */
export function lookUpGuardrails<Found>(
  policy: ModelPolicy,
  metric: string,
  baselines: number,
  lookup: Lookup<Found>,
): Guarding<Found>[] {
  return (policy.guardrails ?? []).map((guardrail) => {
    const { slice, maxRelativeLoss, min, max } = guardrail;
    const guarded = guardrail.metric ?? metric;
    // A guardrail that says nothing else: it must not get worse at all.
    const isBare = maxRelativeLoss === undefined && min === undefined && max === undefined;
    const maxLoss = guardrail.maxLoss ?? (isBare ? 0 : undefined);
    const compares = maxLoss !== undefined || maxRelativeLoss !== undefined;
    return {
      name: slice === undefined ? guarded : `${guarded} on ${slice}`,
      metric: guarded,
      candidate: lookup('candidate', guarded, slice),
      baselines: Array.from({ length: compares ? baselines : 0 }, (_, index) =>
        lookup(index, guarded, slice),
      ),
      // The same metric has the same direction.
      direction: guardrail.direction ?? (guarded === metric ? policy.direction : undefined),
      maxLoss,
      maxRelativeLoss,
      min,
      max,
    };
  });
}

/** The same once all that was asked for is there. */
export function guardrailsFound(guardings: readonly Guarding<Promise<Measured>>[]): Promise<GuardedMetric[]> {
  return Promise.all(
    guardings.map(async (one) => ({
      ...one,
      candidate: await one.candidate,
      baselines: await Promise.all(one.baselines),
    })),
  );
}

/** How people name a metric of a part of the data; without a slice it has its own name. */
export function sliceNames(metric: string, slice: string | undefined): readonly string[] {
  if (slice === undefined) return [metric];
  return [`${metric}/${slice}`, `${metric}_${slice}`, `${slice}/${metric}`, `${slice}_${metric}`];
}
