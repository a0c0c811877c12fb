import * as z from 'zod/mini';
import { closest } from '../../text/closest.ts';
import {
  direction,
  expectedBy,
  expects,
  metricName,
  modelName,
  modelVersion,
  passedOn,
  text,
  tokenSymbol,
} from '../fields.ts';

/** One thing wrong with an evaluation: where (a path of keys, empty for the whole), and what stands there. */
export interface EvaluationIssue {
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/** An evaluation that cannot be read. The message has a clause for each issue: path, expected, found. */
export class InvalidEvaluation extends Error {
  override readonly name = 'InvalidEvaluation';
  readonly issues: readonly EvaluationIssue[];
  /** The same without what was found: for logs. */
  readonly told: string;
  /** Which input it was, for example a file's name. */
  readonly source: string | undefined;
  constructor(issues: readonly EvaluationIssue[], source?: string) {
    const where = source === undefined ? '' : `${source}: `;
    const clauses = issues.map(({ path, expected }) => `${path && `${path}: `}expected ${expected}`);
    super(where + clauses.map((clause, index) => `${clause}, found ${issues[index]?.found}`).join('; '));
    this.told = where + clauses.join('; ');
    this.issues = issues;
    this.source = source;
  }
}

/** A metric's value, as JSON or as MLflow's REST API writes what JSON cannot say. May be NaN or infinite. */
export const metricValue = z.union(
  [
    z.custom<number>((value) => typeof value === 'number'),
    z.pipe(z.enum(['NaN', 'Infinity', '-Infinity']), z.transform(Number)),
  ],
  expects('a number, "NaN", "Infinity" or "-Infinity"'),
);

const positive = z.number(expects('a number above 0')).check(z.positive(expects('a number above 0')));
const metricValues = z.record(text(250), metricValue, expects('an object of numbers'));

const evaluationSchema = z.strictObject(
  {
    /** Null where the run is not registered. */
    model_name: z.nullable(modelName),
    model_version: z.nullable(modelVersion),
    token_symbol: z.nullable(tokenSymbol),
    metric_name: z.nullable(metricName),
    /** Needed for metrics that are not well known. */
    metric_direction: z.optional(direction),
    /** Absent, like the baseline's, where nothing was measured; may be NaN or infinite. */
    current_value: z.optional(metricValue),
    baseline_value: z.optional(metricValue),
    /** As MLflow says it: `FINISHED`, `FAILED`, …; absent is taken for finished. */
    run_status: z.optional(text(64)),
    /** Of the model version, as MLflow says it: `READY`, …; absent is taken for ready. */
    version_status: z.optional(text(64)),
    /** The model is what others are compared with. */
    is_baseline: z.optional(z.boolean(expects('true or false'))),
    model_id: z.optional(text(512)),
    /** Of the baseline's value. Default: the model's own. */
    baseline_dataset: z.optional(text(500)),
    /** How many examples the values were measured on: for a confidence interval where the metric is a share of them. */
    n_eval: z.optional(positive),
    baseline_n_eval: z.optional(positive),
    /** Of the values, in the metric's unit: for a confidence interval of any metric. */
    standard_error: z.optional(positive),
    baseline_standard_error: z.optional(positive),
    /** Other metrics, which guardrails look at. */
    metrics: z.optional(metricValues),
    baseline_metrics: z.optional(metricValues),
    /** Taken, so that an announcement's data can be judged again, and computed anew. */
    improvement_percentage: z.optional(metricValue),
    ...passedOn,
  },
  expects('a JSON object'),
);

/** What the gate judges: a model version, its value of a metric, and the baseline's. */
export type Evaluation = z.output<typeof evaluationSchema>;

const REQUIRED: ReadonlySet<string> = new Set(['model_name', 'model_version', 'token_symbol', 'metric_name']);

/**
 * Reads a plain evaluation. The four names must be there, though they may be null; any other field may be
 * left out or be null. Unknown fields are refused: a misspelled one would be lost.
 *
 * @param source Which input it is, for the error; for example a file's name.
 * @throws InvalidEvaluation
 */
export function parseEvaluation(input: unknown, source?: string): Evaluation {
  return check(evaluationSchema, withoutNulls(input), source);
}

/** Reads `input` by a schema whose messages come from `expects`. Throws {@link InvalidEvaluation}. */
export function check<Schema extends z.ZodMiniType>(
  schema: Schema,
  input: unknown,
  source?: string,
): z.output<Schema> {
  const result = z.safeParse(schema, input);
  if (result.success) return result.data;
  throw new InvalidEvaluation(
    result.error.issues.flatMap((issue) => {
      const path = issue.path.map(String);
      return issue.code === 'unrecognized_keys'
        ? issue.keys.slice(0, MOST_ISSUES).map((key) => unknownField(input, [...path, key]))
        : [{ path: path.join('.'), expected: expectedBy(issue.message), found: show(valueAt(input, path)) }];
    }),
    source,
  );
}

/** A value as an error shows it: short, on one line. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}…` : shown;
}

const LONGEST_SHOWN = 80;
/** Of one kind: who sends thousands wants no answer to each. */
const MOST_ISSUES = 20;

function unknownField(input: unknown, path: readonly string[]): EvaluationIssue {
  const name = path.at(-1) ?? '';
  return {
    path: path.join('.'),
    expected: `no field of this name${closest(name, Object.keys(evaluationSchema.shape))}`,
    found: show(valueAt(input, path)),
  };
}

function valueAt(input: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined),
    input,
  );
}

/** Python writes null for what is not there. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input;
  return Object.fromEntries(
    Object.entries(input).filter(([key, value]) => value !== null || REQUIRED.has(key)),
  );
}
