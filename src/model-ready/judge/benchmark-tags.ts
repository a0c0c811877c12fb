import {
  type Evaluation,
  type EvaluationIssue,
  InvalidEvaluation,
  parseEvaluation,
  show,
} from './evaluation.ts';

/** The tags that say what an evaluation's fields say. A registry calls them tags, or properties. */
const TAGS = {
  token_symbol: 'token_symbol',
  metric_name: 'benchmark.metric',
  metric_direction: 'benchmark.direction',
  contributor_address: 'contributor_address',
  proposal_identifier: 'proposal_identifier',
  benchmark_spec_id: 'benchmark_spec_id',
} as const;

type Tags = ReadonlyMap<string, string>;

/** The metric that the tags ask to judge by. */
export function metricIn(tags: Tags): string | undefined {
  return tags.get(TAGS.metric_name) || undefined;
}

/**
 * An evaluation of what is known of a model, and what its tags say.
 *
 * @param known Fields of an evaluation; they come before what tags say.
 * @throws InvalidEvaluation when a tag cannot be read, naming the tag.
 */
export function evaluationFromTags(tags: Tags, known: object, source: string): Evaluation {
  const said = Object.entries(TAGS).map(([field, tag]) => [field, tags.get(tag) || null]);
  try {
    return parseEvaluation({ ...Object.fromEntries(said), ...known });
  } catch (error) {
    throw error instanceof InvalidEvaluation
      ? new InvalidEvaluation(error.issues.map(inTags), source)
      : error;
  }
}

/** Who reads the error set a tag, not a field. */
function inTags(issue: EvaluationIssue): EvaluationIssue {
  const tag = new Map<string, string>(Object.entries(TAGS)).get(issue.path);
  return tag === undefined ? issue : { ...issue, path: `tags.${tag}` };
}

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

/**
 * The number that a tag says, undefined where there is no such tag; NaN and infinite ones as Python writes them.
 *
 * @throws InvalidEvaluation
 */
export function numberIn(tags: Tags, tag: string, source: string): number | undefined {
  const said = tags.get(tag);
  if (!said) return undefined;
  const text = said.trim().toLowerCase();
  if (NUMBER.test(text)) return Number(text);
  if (text === 'nan') return Number.NaN;
  const [, sign, infinite] = /^([+-]?)(inf|infinity)$/.exec(text) ?? [];
  if (infinite !== undefined) return sign === '-' ? -Infinity : Infinity;
  throw new InvalidEvaluation([{ path: `tags.${tag}`, expected: 'a number', found: show(said) }], source);
}
