import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parsePythonJson } from './python-json.ts';

it.each([
  ['NaN', 'NaN'],
  [' -Infinity\n', '-Infinity'],
  ['[NaN,Infinity , -Infinity]', ['NaN', 'Infinity', '-Infinity']],
  ['{"a":NaN,"b":{"c":\tInfinity}}', { a: 'NaN', b: { c: 'Infinity' } }],
  // Within texts nothing changes, also behind escaped quotes.
  [String.raw`["NaN: NaN,", "\", NaN", "\\", NaN]`, ['NaN: NaN,', '", NaN', '\\', 'NaN']],
  ['[0.1000000000000000055511151231257827, NaN]', [0.1, 'NaN']],
])('%j is read', (json, value) => {
  expect(parsePythonJson(json)).toEqual(value);
});

it.each(['{NaN: 1}', '[1, NaNa]', '[-NaN]', '[+Infinity]', '[1 NaN]', '[NaN', '["NaN]', '[nan]', '', '-'])(
  '%j is still no JSON',
  (json) => {
    expect(() => parsePythonJson(json)).toThrow(SyntaxError);
  },
);

it('reads what is JSON as JSON.parse does, and errors other than of syntax are kept', () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      expect(parsePythonJson(json)).toEqual(JSON.parse(json));
    }),
  );
  const refuse = () => {
    throw new TypeError('unsafe');
  };
  expect(() => parsePythonJson('[NaN]', refuse)).toThrow(TypeError);
});

/** As Python's `json.dumps` would. */
function dumps(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return `[${value.map(dumps).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, item]) => `${JSON.stringify(key)}: ${dumps(item)}`)
    .join(', ')}}`;
}

function withTexts(value: unknown): unknown {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  if (Array.isArray(value)) return value.map(withTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTexts(item)]));
}

it('reads any value with numbers that are none, bit for bit', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.double({ noDefaultInfinity: false }),
      fc.constantFrom(Number.NaN, Infinity, -Infinity, 'NaN', ', NaN', '"', '\\', true, null),
      fc.string(),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(
        fc.string().filter((key) => key !== '__proto__'),
        tie('value'),
        { maxKeys: 4 },
      ),
    ),
  }));
  fc.assert(
    fc.property(value, (one) => {
      const plain: unknown = JSON.parse(dumps(withTexts(one)));
      expect(parsePythonJson(dumps(one))).toEqual(plain);
    }),
  );
});

it('takes a text of 16 MiB in its stride', () => {
  const long = 'x'.repeat(2 ** 24);
  expect(parsePythonJson(`["${long}", NaN]`)).toEqual([long, 'NaN']);
});
