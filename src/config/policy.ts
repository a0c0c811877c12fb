import * as z from 'zod/mini';

/**
 * What a model has to show before it is announced. Set it for a model's name or a pattern of names in `policies`; tags
 * of the model override it field by field.
 */
export interface ModelPolicy {
  /** The metric that models are compared by. Default: the tag `benchmark.metric`. */
  readonly metric?: string | undefined;
  /** Whether a higher or a lower value is better. Default: known for well-known metrics. */
  readonly direction?: 'higher' | 'lower' | undefined;
  /** The dataset that the metric is measured on: `name`, or `name@digest`. Default: the only one there is. */
  readonly dataset?: string | undefined;
  /** The least value of the metric that is good enough. Default: none. */
  readonly floor?: number | undefined;
  /** The greatest value of the metric that is good enough. Default: none. */
  readonly ceiling?: number | undefined;
  /** The least gain over each baseline, in the metric's unit. Default 0: any gain beyond rounding. */
  readonly minGain?: number | undefined;
  /** The least gain over each baseline, as a share of its absolute value: 0.01 is one percent. Default 0. */
  readonly minRelativeGain?: number | undefined;
  /** Which baselines a model has to beat: the one that its tags state, the live champion, or both. Default `both`. */
  readonly baselines?: 'both' | 'stated' | 'champion' | undefined;
  /** What must not get worse meanwhile. Default: none. */
  readonly guardrails?: readonly Guardrail[] | undefined;
  /** Reject a gain whose 95 % confidence interval includes 0, or that has none. Default false. */
  readonly requireSignificance?: boolean | undefined;
}

/** A metric, or a slice of one, that must stay within bounds or lose no more than a margin against each baseline. */
export interface Guardrail {
  /** The metric that is watched. Default: the metric that models are compared by. */
  readonly metric?: string | undefined;
  /** A part of the data: a dataset of this name, or a metric named `METRIC/SLICE` or `METRIC_SLICE`. Default: all of it. */
  readonly slice?: string | undefined;
  /** Whether a higher or a lower value is better. Default: known for well-known metrics. */
  readonly direction?: 'higher' | 'lower' | undefined;
  /** How much worse than a baseline it may be, in the metric's unit. Default: not compared; 0 where nothing else is set. */
  readonly maxLoss?: number | undefined;
  /** How much worse than a baseline it may be, as a share of its absolute value. Default: not compared. */
  readonly maxRelativeLoss?: number | undefined;
  /** The least value that is good enough. Default: none. */
  readonly min?: number | undefined;
  /** The greatest value that is good enough. Default: none. */
  readonly max?: number | undefined;
}

/** Policies by a model's name, or a pattern of names in which `*` is any text. */
export type ModelPolicies = Readonly<Record<string, ModelPolicy>>;

const anyNumber = z.number('a finite number');
const share = z.number('a finite number from 0').check(z.minimum(0, 'a finite number from 0'));
const name = z
  .string('a text of 1 to 250 characters')
  .check(z.minLength(1, 'a text of 1 to 250 characters'), z.maxLength(250, 'a text of 1 to 250 characters'));
const direction = z.enum(['higher', 'lower'], '"higher" or "lower"');

const guardrailSchema = z.strictObject(
  {
    metric: z.optional(name),
    slice: z.optional(name),
    direction: z.optional(direction),
    maxLoss: z.optional(share),
    maxRelativeLoss: z.optional(share),
    min: z.optional(anyNumber),
    max: z.optional(anyNumber),
  },
  'an object',
);

/** The shape of {@link ModelPolicy}; its messages say what was expected. */
export const modelPolicySchema = z.strictObject(
  {
    metric: z.optional(name),
    direction: z.optional(direction),
    dataset: z.optional(name),
    floor: z.optional(anyNumber),
    ceiling: z.optional(anyNumber),
    minGain: z.optional(share),
    minRelativeGain: z.optional(share),
    baselines: z.optional(z.enum(['both', 'stated', 'champion'], '"both", "stated" or "champion"')),
    guardrails: z.optional(z.array(guardrailSchema, 'a list')),
    requireSignificance: z.optional(z.boolean('true or false')),
  },
  'an object',
);

/** The first thing wrong with a policy: where, as a path of keys, and what was expected there. */
export interface PolicyIssue {
  readonly path: string;
  readonly expected: string;
}

/** What is wrong with a policy; undefined for one that can be used. */
export function checkPolicy(policy: unknown): PolicyIssue | undefined {
  const result = z.safeParse(modelPolicySchema, policy);
  const [issue] = result.error?.issues ?? [];
  if (issue !== undefined) {
    const path = issue.path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`)).join('');
    if (issue.code !== 'unrecognized_keys') return { path, expected: issue.message };
    const known = Object.keys((path === '' ? modelPolicySchema : guardrailSchema).shape).join(', ');
    return { path: `${path}.${issue.keys[0]}`, expected: `no field of this name, but one of ${known}` };
  }
  const { floor = -Infinity, ceiling = Infinity } = result.data ?? {};
  return floor > ceiling ? { path: '.floor', expected: `at most the ceiling of ${ceiling}` } : undefined;
}

/**
 * The policy for a model: that of its exact name, else that of the first pattern which matches, in the order written;
 * an empty one where none does. Policies are not merged.
 */
export function policyFor(policies: ModelPolicies, model: string): ModelPolicy {
  if (Object.hasOwn(policies, model)) return policies[model] ?? {};
  const [, found = {}] = Object.entries(policies).find(([pattern]) => matches(pattern, model)) ?? [];
  return found;
}

/** By hand, because a regular expression made of many stars takes exponential time on hostile names. */
function matches(pattern: string, model: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return pattern === model;
  if (!model.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = model.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return model.length - last.length >= at && model.endsWith(last);
}
