import middy from '@middy/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { InvalidMessage } from '../message/envelope.ts';
import { TransportError } from '../transport/errors.ts';
import { httpEvent } from './http-event.ts';

class Known extends Error {}

function lambda(work: (event: unknown) => unknown) {
  const handler = middy(async (event: unknown) => work(event)).use(
    httpEvent({
      maxBytes: 100,
      describe: (error) =>
        error instanceof Known ? { statusCode: 422, body: { error: error.message } } : undefined,
    }),
  );
  // middy types its context as Lambda's; the middleware needs none of it.
  return (event: unknown): Promise<unknown> =>
    Promise.resolve(Reflect.apply(handler, undefined, [event, {}]));
}

const http = (body: string, isBase64Encoded = false) => ({
  requestContext: { http: { method: 'POST' } },
  body,
  isBase64Encoded,
});
const fail = (error: unknown) =>
  lambda(() => {
    throw error;
  });

afterEach(() => vi.restoreAllMocks());

describe('one function, invoked directly or over HTTP', () => {
  it('gets the payload, and answers with the result', async () => {
    expect(await lambda((event) => ({ got: event }))({ a: 1 })).toEqual({ got: { a: 1 } });
  });

  it('gets the body’s JSON, and answers as HTTP', async () => {
    const echo = lambda((event) => ({ got: event }));
    const answer = {
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"got":{"a":"é"}}',
    };
    expect(await echo(http('{"a":"é"}'))).toEqual(answer);
    expect(await echo(http(Buffer.from('{"a":"é"}').toString('base64'), true))).toEqual(answer);
  });

  it.each([
    ['', 400],
    ['{', 400],
    ['{"__proto__":{}}', 400],
    [`"${'x'.repeat(200)}"`, 413],
  ])('refuses a body it cannot use: %j', async (body, statusCode) => {
    expect(await lambda(() => expect.unreachable())(http(body))).toMatchObject({ statusCode });
  });

  it.each([
    [new Known('this one'), 422, 'this one'],
    [
      new InvalidMessage('invalid', [{ path: 'data.n', message: 'expected a number' }]),
      400,
      'data.n: expected a number',
    ],
    [new TransportError('TooLarge', 'too large'), 413, 'too large'],
    [new TransportError('Throttled', 'slower'), 429, 'slower'],
  ])('answers %s with %i', async (error, statusCode, message) => {
    const answer = await fail(error)(http('{}'));
    expect(answer).toMatchObject({ statusCode, body: expect.stringContaining(message) });
  });

  it('says what is wrong, field by field', async () => {
    const issues = [{ path: 'data.n', message: 'expected a number' }];
    const answer = await fail(new InvalidMessage('invalid', issues))(http('{}'));
    expect(answer).toMatchObject({ body: JSON.stringify({ error: 'data.n: expected a number', issues }) });
  });

  it.each([
    [new TransportError('Unavailable', 'secret host'), 503],
    [new Error('secret'), 500],
  ])('keeps %s to its log', async (error, statusCode) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {});
    const answer = await fail(error)(http('{}'));
    expect(answer).toMatchObject({ statusCode, body: expect.not.stringContaining('secret') });
    expect(log).toHaveBeenCalledWith(expect.stringContaining('request_failed'));
  });

  it('lets a direct invocation fail with the error itself', async () => {
    await expect(fail(new Known('this one'))({})).rejects.toThrow(Known);
  });
});
