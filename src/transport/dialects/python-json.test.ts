import { describe, expect, it } from 'vitest';
import { floatRepr, pythonJson } from './python-json.ts';

describe('JSON as Python writes it', () => {
  it('keeps floats floats, escapes what is not ASCII, and puts a space after separators', () => {
    const json =
      '{"b":1.0,"a":"é\\u0001\u007f😀","n":null,"e":{},"l":[],"x":[1,2.50,-0,-0.0,1E3,12345678901234567890]}';
    expect(pythonJson(json)).toBe(
      '{"b": 1.0, "a": "\\u00e9\\u0001\\u007f\\ud83d\\ude00", "n": null, "e": {}, "l": [], "x": [1, 2.5, 0, -0.0, 1000.0, 12345678901234567890]}',
    );
  });

  it('moves levels in', () => {
    expect(pythonJson('{"b":1.0,"a":{"z":[1,{"q":true}],"e":{}}}', { indent: 2 })).toBe(`{
  "b": 1.0,
  "a": {
    "z": [
      1,
      {
        "q": true
      }
    ],
    "e": {}
  }
}`);
  });

  it('sorts by code points', () => {
    expect(pythonJson('{"\ue000":1,"😀":2,"a":3,"aa":4,"":5}', { sorted: true })).toBe(
      '{"": 5, "a": 3, "aa": 4, "\\ue000": 1, "\\ud83d\\ude00": 2}',
    );
  });

  it.each([
    [1_700_000_000, '1700000000.0'],
    [1e16, '1e+16'],
    [1e15, '1000000000000000.0'],
    [123456789012345680, '1.2345678901234568e+17'],
    [1e-5, '1e-05'],
    [0.0001, '0.0001'],
    [-0, '-0.0'],
    [1e22, '1e+22'],
    [5e-324, '5e-324'],
    [1.5e-7, '1.5e-07'],
    [1_700_000_000.123, '1700000000.123'],
  ])('writes the float %d as %s', (value, text) => {
    expect(floatRepr(value)).toBe(text);
  });
});

it('keeps a number beyond all as it is: what Python writes for it is no JSON', () => {
  expect(pythonJson('[1e999,-1e999]')).toBe('[1e999, -1e999]');
});
