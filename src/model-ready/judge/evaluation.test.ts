import { expect, test } from 'vitest';
import { plainEvaluation } from '../../../test/support/model-examples.ts';
import { InvalidEvaluation, parseEvaluation } from './evaluation.ts';

function invalid(input: unknown, source?: string): InvalidEvaluation {
  try {
    parseEvaluation(input, source);
  } catch (error) {
    if (error instanceof InvalidEvaluation) return error;
    throw error;
  }
  throw new Error('it was taken');
}

test('reads the example as it stands', () => {
  expect(parseEvaluation(plainEvaluation())).toEqual(plainEvaluation());
});

test.each([
  ['NaN', Number.NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
  [1e-300, 1e-300],
  [Number.NaN, Number.NaN],
])('the value %o', (written, read) => {
  expect(parseEvaluation(plainEvaluation({ current_value: written })).current_value).toBe(read);
});

test('null is absent, but for the four names', () => {
  const read = parseEvaluation(
    plainEvaluation({ model_name: null, current_value: null, tags: null, mlflow_run_id: null }),
  );
  expect(read.model_name).toBeNull();
  expect(read).not.toHaveProperty('current_value');
  expect(read).not.toHaveProperty('tags');
});

test.each([
  [{ current_value: 'abc' }, 'current_value', 'a number, "NaN", "Infinity" or "-Infinity"', '"abc"'],
  [{ baseline_value: true }, 'baseline_value', 'a number, "NaN", "Infinity" or "-Infinity"', 'true'],
  [{ model_name: undefined }, 'model_name', 'a text of 1 to 256 characters', 'nothing'],
  [{ model_version: 7 }, 'model_version', 'a text of 1 to 64 characters', '7'],
  [{ token_symbol: 'Churn' }, 'token_symbol', '1 to 64 of a-z, 0-9 and "-"', '"Churn"'],
  [{ metric_direction: 'up' }, 'metric_direction', '"higher" or "lower"', '"up"'],
  [{ is_baseline: 'yes' }, 'is_baseline', 'true or false', '"yes"'],
  [{ tags: { role: 1 } }, 'tags.role', 'a text', '1'],
  [{ baseline_valeu: 1 }, 'baseline_valeu', 'no field of this name (did you mean baseline_value?)', '1'],
  [{ zebra: { a: [1] } }, 'zebra', 'no field of this name', '{"a":[1]}'],
])('%o is refused', (changes, path, expected, found) => {
  const error = invalid(plainEvaluation(changes));
  expect(error.issues).toEqual([{ path, expected, found }]);
  expect(error.message).toBe(`${path}: expected ${expected}, found ${found}`);
});

test.each([
  [null, 'null'],
  ['text', '"text"'],
  [undefined, 'nothing'],
  [Number.NaN, 'NaN'],
  [() => 1, 'function'],
  [[1, 2], '[1,2]'],
])('%o is no evaluation', (input, found) => {
  expect(invalid(input).message).toBe(`expected a JSON object, found ${found}`);
});

test('every issue has its clause, the source stands first, long values are cut', () => {
  const error = invalid(plainEvaluation({ model_name: '', run_status: 'x'.repeat(100) }), 'churn.json');
  expect(error.source).toBe('churn.json');
  expect(error.message).toBe(
    `churn.json: model_name: expected a text of 1 to 256 characters, found ""; run_status: expected a text of 1 to 64 characters, found "${'x'.repeat(79)}…`,
  );
});

test('the data of an announcement can be judged again', () => {
  expect(() =>
    parseEvaluation(plainEvaluation({ model_id: 'a:1', improvement_percentage: 5 })),
  ).not.toThrow();
});
