import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pythonJson } from '../../src/transport/dialects/python-json.ts';
import { describeInterop, runPeer } from './peer.ts';

const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
  fc.bigInt().map(String),
  fc.constantFrom(
    '1.0',
    '-0',
    '-0.0',
    '1E3',
    '1e16',
    '1e-5',
    '0.0001',
    '123456789012345678',
    '1.5e300',
    '100.10',
  ),
);
const text = fc.string({ unit: 'grapheme' }).map((value) => JSON.stringify(value));
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { depthSize: 'small' },
    number,
    text,
    fc.constantFrom('true', 'false', 'null'),
    tie('list'),
    tie('object'),
  ),
  list: fc.array(tie('json')).map((items) => `[${items.join(',')}]`),
  // Names that look like numbers JavaScript puts first.
  object: fc
    .uniqueArray(
      fc.tuple(
        text.filter((name) => !/^"\d+"$/.test(name)),
        tie('json'),
      ),
      { selector: ([name]) => name },
    )
    .map((entries) => `{${entries.map(([name, value]) => `${name}:${value}`).join(',')}}`),
}));

describeInterop('JSON of Python', () => {
  it('is written to the byte, as it is, in order and indented', async () => {
    const lines = fc.sample(json, 2_000).map(String);
    const written = await runPeer('dumps', [], `${lines.join('\n')}\n`);
    expect(written).toHaveLength(lines.length);
    for (const [index, line] of lines.entries()) {
      expect([pythonJson(line), pythonJson(line, { sorted: true }), pythonJson(line, { indent: 2 })]).toEqual(
        JSON.parse(written[index] ?? ''),
      );
    }
  });
});
