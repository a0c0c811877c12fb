import { expect, it } from 'vitest';
import { decodeFrame, encodeFrame, unwritable } from './frame.ts';

it.each([
  { id: '0190-a', headers: {} },
  { id: '[starts like a list', headers: {} },
  { id: '', headers: {} },
  { id: 'a', headers: { traceparent: '00-1', '': '' } },
  { id: 'a', headers: {}, key: '' },
  { id: 'two\nlines', headers: {} },
  { id: 'a', headers: { half: '\ud83d' }, key: 'half \udc00' },
])('%j comes back as it was', (frame) => {
  const text = encodeFrame(frame);
  expect(text).not.toContain('\n');
  expect(decodeFrame(text)).toEqual(frame);
  expect(unwritable(text, 'body')).toBeUndefined();
});

it('is the id alone in the common case', () => {
  expect(encodeFrame({ id: '0190-a', headers: {} })).toBe('0190-a');
});

it.each(['[', '[]', '["a"]', '["a",{"b":1}]', '["a",[]]', '["a",null]'])('%s is taken for an id', (text) => {
  expect(decodeFrame(text)).toEqual({ id: text, headers: {} });
});

it('refuses what UTF-8 cannot write', () => {
  expect(unwritable('id', 'half a pair: \ud83d')).toHaveProperty('code', 'Invalid');
  expect(unwritable('half an id: \ud83d', '')).toHaveProperty('code', 'Invalid');
});
