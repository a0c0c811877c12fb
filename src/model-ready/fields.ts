import * as z from 'zod/mini';

/**
 * The fields that the contract and the evaluation share. zod/mini carries no texts of its own, so each says
 * what it expects.
 */

const EXPECTED = 'expected ';

const texts = new Map<number, z.ZodMiniString<string>>();

/** A text of 1 to `longest` characters. One schema for all of a length: to make one takes a function's start. */
export function text(longest: number): z.ZodMiniString<string> {
  const known = texts.get(longest);
  if (known !== undefined) return known;
  const expected = expects(`a text of 1 to ${longest} characters`);
  const made = z.string(expected).check(z.minLength(1, expected), z.maxLength(longest, expected));
  texts.set(longest, made);
  return made;
}

export const modelName = text(256);
export const modelVersion = text(64);
export const metricName = text(250);

/** What MLflow allows as the name of a workspace. */
export const WORKSPACE = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
export const workspace = matching(WORKSPACE, 'a workspace of MLflow: 1 to 63 of a-z, 0-9 and "-"');

/** Whether a higher or a lower value of the metric is better. */
export const direction = z.enum(['higher', 'lower'], expects('"higher" or "lower"'));
export type Direction = z.output<typeof direction>;

/** The token of the benchmark that the model competes for. */
export const tokenSymbol = matching(/^[a-z0-9-]{1,64}$/, '1 to 64 of a-z, 0-9 and "-"');

export const finite = z.number(expects('a finite number'));

/** What both carry besides, where it is known. */
export const passedOn = {
  mlflow_run_id: z.optional(text(64)),
  experiment_name: z.optional(text(500)),
  source_uri: z.optional(text(2_048)),
  contributor_address: z.optional(matching(/^0x[0-9a-fA-F]{40}$/, '0x and 40 hexadecimal digits')),
  proposal_identifier: z.optional(text(256)),
  benchmark_spec_id: z.optional(text(256)),
  /** `name` or `name@digest`, as MLflow names datasets. */
  dataset: z.optional(text(500)),
  eval_spec: z.optional(z.record(z.string(), z.unknown(), expects('a JSON object'))),
  tags: z.optional(
    z.record(
      text(250),
      z.string(expects('a text')).check(z.maxLength(8_000, expects('a text of at most 8000 characters'))),
      expects('an object of texts, its keys of 1 to 250 characters'),
    ),
  ),
};

/** What an issue of one of these schemas says was expected, without the word. */
export function expectedBy(message: string): string {
  return message.replace(EXPECTED, '');
}

export function expects(what: string): string {
  return `${EXPECTED}${what}`;
}

function matching(pattern: RegExp, what: string): z.ZodMiniString<string> {
  return z.string(expects(what)).check(z.regex(pattern, expects(what)));
}
