import { type ModelPolicies, type ModelPolicy, policyFor } from '../../config/policy.ts';
import type { MinImprovement } from './parse-min-improvement.ts';

/** How models are judged, whichever they are. */
export interface JudgeSettings {
  /** Of the config. */
  readonly policies?: ModelPolicies | undefined;
  /** The least gain where a model's policy sets none. Default: any gain beyond rounding. */
  readonly minImprovement?: MinImprovement | undefined;
}

/** The policy for one model. What its own tags or document say comes first, then the config, then the settings. */
export function effectivePolicy(
  { policies = {}, minImprovement = {} }: JudgeSettings,
  model: string | null,
  own: ModelPolicy,
): ModelPolicy {
  const configured = model === null ? {} : policyFor(policies, model);
  const setsGain = configured.minGain !== undefined || configured.minRelativeGain !== undefined;
  return { ...(setsGain ? {} : minImprovement), ...configured, ...own };
}
