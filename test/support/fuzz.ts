import fc from 'fast-check';
import { expect } from 'vitest';

/** How many inputs each fuzz test tries: `HIKYAKU_FUZZ`, else a few. */
const ASKED = Number(process.env['HIKYAKU_FUZZ'] ?? 0);
/** So many are tried between two looks at the prototypes, and before others may run. */
const AT_ONCE = 2_000;
const LONGEST_REPORT = 3_000;

/** Of a test that fuzzes, in ms: as long as it takes, where many are asked for. */
export const FUZZ_TIMEOUT = ASKED > 0 ? 12 * 3_600_000 : 60_000;

/**
 * Tries a property on `few` inputs, or as many as `HIKYAKU_FUZZ` says, and looks whether any prototype has changed.
 *
 * @param cost How many times dearer an input is than those that only compute: so many times fewer are tried.
 */
export async function fuzz<Input>(
  property: fc.IProperty<Input> | fc.IAsyncProperty<Input>,
  few: number,
  cost = 1,
): Promise<void> {
  const runs = Math.max(few, Math.ceil(ASKED / cost));
  const before = prototypes();
  const seed = Math.trunc(Math.random() * 2 ** 31);
  for (let done = 0; done < runs; done += AT_ONCE) {
    const details = await fc.check(property, { numRuns: Math.min(AT_ONCE, runs - done), seed: seed + done });
    if (details.failed) {
      // An input may be a megabyte.
      const message = fc.defaultReportMessage(details) ?? 'it did not end';
      throw new Error(message.slice(0, LONGEST_REPORT), { cause: details.errorInstance });
    }
    expect(prototypes()).toEqual(before);
    // Whoever runs the tests wants to hear that they are alive.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const SHARED = [
  Object,
  Array,
  Function,
  String,
  Number,
  Boolean,
  RegExp,
  Date,
  Error,
  Map,
  Set,
  WeakMap,
  Promise,
  Symbol,
  Uint8Array,
  Buffer,
  URL,
  Headers,
];

const identities = new Map<unknown, number>();

/** What every program shares: which keys each prototype has, and what stands there. */
function prototypes(): string[] {
  return SHARED.flatMap((shared) =>
    [shared, shared.prototype].flatMap((holder) =>
      Reflect.ownKeys(holder).map((key) => {
        const { value, get, set, ...flags } = Reflect.getOwnPropertyDescriptor(holder, key) ?? {};
        return `${shared.name} ${String(key)} ${[value, get, set].map(identity)} ${JSON.stringify(flags)}`;
      }),
    ),
  );
}

function identity(value: unknown): number {
  const known = identities.get(value);
  if (known !== undefined) return known;
  identities.set(value, identities.size);
  return identities.size - 1;
}

/** Any UTF-16, lone surrogates and control characters included. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) }),
  fc.string(),
);

/** What others trip over as a key. */
export const nastyKey: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'valueOf',
    'hasOwnProperty',
    '__defineGetter__',
    'length',
    'then',
    'toJSON',
    '',
    '0',
  ),
  anyText,
);

const escaped = (text: string): string =>
  `"${Array.from(text, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
const jsonString = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.oneof(
    texts.map((text) => JSON.stringify(text)),
    texts.map(escaped),
    fc.constantFrom('"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\\uffff"'),
  );

const jsonNumber = fc.oneof(
  fc.constantFrom(
    '1e999',
    '-1e999',
    '1E+400',
    '1e-400',
    '-0',
    '9007199254740993',
    '-9007199254740993',
    '1'.repeat(400),
    `0.${'1'.repeat(400)}`,
    '1.0',
  ),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.bigInt().map(String),
);

/** JSON as nobody writes it: keys twice, keys that name prototypes, numbers beyond all, deep nesting. */
export const nastyJson: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false'),
    jsonNumber,
    jsonString(anyText),
    fc
      .tuple(
        fc.constantFrom('[', '{"a":', '{"__proto__":[', '[{"":'),
        // What is deep takes long.
        fc.oneof({ weight: 50, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.nat(9_000) }),
      )
      .map(([open, depth]) => nested(open, depth)),
    fc.array(tie('value'), { maxLength: 5 }).map((items) => `[${items.join(', ')}]`),
    fc
      .array(fc.tuple(jsonString(nastyKey), tie('value')), { maxLength: 5 })
      .chain((entries) =>
        fc.boolean().map((twice) => (twice ? [...entries, ...entries.toReversed()] : entries)),
      )
      .map((entries) => `{${entries.map(([key, value]) => `${key}:${value}`).join(',')}}`),
  ),
})).value;

function nested(open: string, depth: number): string {
  const close = Array.from(open.replaceAll(/[^[{]/g, ''), (one) => (one === '[' ? ']' : '}'))
    .reverse()
    .join('');
  return `${open.repeat(depth)}1${close.repeat(depth)}`;
}

/** What somebody made of a text that was right. */
export function mutated(texts: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const change = fc.tuple(
    fc.constantFrom('cut', 'insert', 'repeat', 'replace', 'bit'),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 0, max: 12 }),
    fc.oneof(anyText, nastyJson, fc.constantFrom('"', '\\', '\n', '{', '}', ':', ',', '\0', '.', '/', '~')),
  );
  return fc.tuple(texts, fc.array(change, { minLength: 1, maxLength: 4 })).map(([text, changes]) =>
    changes.reduce((now, [how, where, length, other]) => {
      const at = Math.floor(where * now.length);
      const [before, piece, after] = [now.slice(0, at), now.slice(at, at + length), now.slice(at + length)];
      if (how === 'cut') return before + after;
      if (how === 'insert') return before + other + piece + after;
      if (how === 'repeat') return before + piece + piece + after;
      if (how === 'replace') return before + other + after;
      const unit = String.fromCharCode((now.charCodeAt(at) || 0) ^ (1 << (length % 8)));
      return before + unit + now.slice(at + 1);
    }, text),
  );
}
