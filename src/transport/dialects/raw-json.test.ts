import fc from 'fast-check';
import { expect, it } from 'vitest';
import { members, objectOf } from './raw-json.ts';

it('reads members as they are written', () => {
  const json = ' {"a" : 1.0 , "b\\"\\\\":"x\\\\", "c":{"d":["]}",{}]},\n"e":null,"f":[],"g":-1e5,"a":true}';
  expect(Array.from(members(json) ?? [])).toEqual([
    ['a', 'true'],
    ['b"\\', '"x\\\\"'],
    ['c', '{"d":["]}",{}]}'],
    ['e', 'null'],
    ['f', '[]'],
    ['g', '-1e5'],
  ]);
});

it.each(['', '[]', '1', '"x"', 'null', '{"a":}', '{'])('takes %j for no object', (json) => {
  expect(members(json)).toBeUndefined();
});

it('reads any object of any spacing, and writes it again', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.string(), fc.jsonValue()),
      fc.constantFrom(undefined, 1, '\t'),
      (object, space) => {
        const found = members(JSON.stringify(object, undefined, space));
        expect(JSON.parse(objectOf(found ?? []))).toEqual(JSON.parse(JSON.stringify(object)));
      },
    ),
  );
});

it('takes what is nested too deeply for no object', () => {
  const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  expect(members(nested(499))?.get('a')).toHaveLength(998);
  expect(members(nested(500))).toBeUndefined();
  expect(members(nested(400_000))).toBeUndefined();
});
