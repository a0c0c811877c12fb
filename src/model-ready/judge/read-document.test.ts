import { expect, test } from 'vitest';
import { readDocument, UnreadableDocument } from './read-document.ts';

const CONTENT = { model_name: 'Zürich', current_value: 0.94 };
const JSON_TEXT = JSON.stringify(CONTENT);

function utf16be(text: string): Uint8Array {
  return Buffer.from(text, 'utf16le').swap16();
}

test.each([
  ['UTF-8', Buffer.from(JSON_TEXT)],
  ['UTF-8 with a mark', Buffer.from(`\ufeff${JSON_TEXT}\r\n`)],
  ['UTF-16, as PowerShell writes it', Buffer.from(`\ufeff${JSON_TEXT}\r\n`, 'utf16le')],
  ['UTF-16, the other way round', utf16be(`\ufeff${JSON_TEXT}`)],
])('%s is read', (_, bytes) => {
  expect(readDocument('file.json', bytes)).toEqual({ name: 'file.json', content: CONTENT });
});

test('bare NaN is read as MLflow writes it', () => {
  const { content } = readDocument(
    'nan.json',
    Buffer.from('{"current_value":NaN,"baseline_value":-Infinity}'),
  );
  expect(content).toEqual({ current_value: 'NaN', baseline_value: '-Infinity' });
});

test.each([
  [Buffer.from([0x7b, 0xff, 0x7d]), 'expected text in UTF-8 or UTF-16: save it as UTF-8'],
  [Buffer.from('{"a":'), 'expected JSON: '],
  [Buffer.from(''), 'expected JSON: '],
  [Buffer.from('{"a":9007199254740993}'), 'expected JSON: a whole number beyond 2^53'],
])('%o is not', (bytes, why) => {
  expect(() => readDocument('a.json', bytes)).toThrow(UnreadableDocument);
  expect(() => readDocument('a.json', bytes)).toThrow(`a.json: ${why}`);
});
