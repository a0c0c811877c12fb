import { expect, it } from 'vitest';
import { InvalidContext } from './invalid-context.ts';
import { parseTransport } from './transport.ts';

it('the transport is SQS where none is given', () => {
  expect([undefined, 'sqs', 'redis'].map(parseTransport)).toEqual(['sqs', 'sqs', 'redis']);
});

it('names the right transports when it is none of them', () => {
  expect(() => parseTransport('reddis')).toThrow(
    new InvalidContext(
      '"reddis" is not a transport (did you mean redis?): expected -c transport=sqs or -c transport=redis',
    ),
  );
  expect(() => parseTransport('')).toThrow(InvalidContext);
});
