import { expect, test } from 'vitest';
import { asTransportError, type ErrorCode, TransportError } from './errors.ts';

test.each<[ErrorCode, boolean]>([
  ['NotFound', false],
  ['Unavailable', true],
  ['Throttled', true],
  ['TooLarge', false],
  ['Denied', false],
  ['LeaseLost', false],
  ['Unsupported', false],
  ['Invalid', false],
  ['Closed', false],
])('%s: whether trying again may help is %s', (code, retryable) => {
  const cause = new Error('native');
  expect(new TransportError(code, 'what happened', { cause })).toMatchObject({
    name: 'TransportError',
    message: 'what happened',
    code,
    retryable,
    cause,
  });
});

test('a transport error passes as it is', () => {
  const error = new TransportError('Denied', 'no');
  expect(asTransportError(error)).toBe(error);
});

test.each([
  [new RangeError('out of it'), 'out of it'],
  ['just a text', 'just a text'],
  [undefined, 'undefined'],
])('what else is thrown may pass later: %s', (thrown, message) => {
  expect(asTransportError(thrown)).toMatchObject({ code: 'Unavailable', message, cause: thrown });
});
