import { expect, test } from 'vitest';
import { type ErrorCode, TransportError } from '../errors.ts';
import { entryError, transportError } from './errors.ts';

function answered(name: string, status: number): Error {
  return Object.assign(new Error('said SQS'), { name, $metadata: { httpStatusCode: status } });
}

test.each<[string, number, ErrorCode]>([
  ['QueueDoesNotExist', 400, 'NotFound'],
  ['AWS.SimpleQueueService.NonExistentQueue', 400, 'NotFound'],
  ['RequestThrottled', 400, 'Throttled'],
  ['ThrottlingException', 400, 'Throttled'],
  ['KMS.ThrottlingException', 400, 'Throttled'],
  ['OverLimit', 400, 'Throttled'],
  ['SlowDown', 429, 'Throttled'],
  ['AccessDenied', 403, 'Denied'],
  ['AccessDeniedException', 400, 'Denied'],
  ['InvalidClientTokenId', 403, 'Denied'],
  ['ExpiredToken', 403, 'Denied'],
  ['NewKindOfRefusal', 403, 'Denied'],
  ['BatchRequestTooLong', 400, 'TooLarge'],
  ['UnknownError', 413, 'TooLarge'],
  ['InvalidMessageContents', 400, 'Invalid'],
  ['InvalidParameterValue', 400, 'Invalid'],
  ['ReceiptHandleIsInvalid', 400, 'LeaseLost'],
  ['RequestExpired', 400, 'Unavailable'],
  ['QueueDeletedRecently', 400, 'Unavailable'],
  ['InternalFailure', 500, 'Unavailable'],
  ['ServiceUnavailable', 503, 'Unavailable'],
])('%s with status %i is %s', (name, status, code) => {
  const cause = answered(name, status);
  const error = transportError(cause, 'SQS in eu-west-1', 'q');
  expect(error).toMatchObject({ code, cause });
  expect(error.message).toMatch(/^SQS in eu-west-1 .*\bq\b/);
});

test.each([
  [Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }), 'ECONNREFUSED: connect'],
  // What Node throws when localhost is two addresses and neither answers.
  [Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }), 'ECONNREFUSED'],
  [Object.assign(new Error('took too long'), { name: 'TimeoutError' }), 'took too long'],
  [Object.assign(new Error('odd'), { $metadata: {} }), 'odd'],
  [Object.assign(new Error('odd'), { $metadata: undefined }), 'odd'],
  [Object.assign(new Error(''), { name: 'Silence' }), 'Silence'],
  ['a text', ''],
])('without an answer SQS is unavailable: %s', (thrown, reason) => {
  const error = transportError(thrown, 'SQS at http://127.0.0.1:1', 'q');
  expect(error).toMatchObject({ code: 'Unavailable', retryable: true, cause: thrown });
  expect(error.message).toContain('SQS at http://127.0.0.1:1 cannot be reached');
  expect(error.message).toContain(reason);
});

test('missing credentials are one sentence that says what to do', () => {
  const thrown = Object.assign(new Error('Could not load'), { name: 'CredentialsProviderError' });
  expect(transportError(thrown, 'SQS', 'q')).toMatchObject({
    code: 'Denied',
    message: 'there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
  });
});

test('what a driver threw itself passes as it is', () => {
  const error = new TransportError('Closed', 'closed');
  expect(transportError(error, 'SQS', 'q')).toBe(error);
});

test.each<[{ Code: string; SenderFault: boolean; Message?: string }, ErrorCode]>([
  [{ Code: 'InvalidMessageContents', SenderFault: true, Message: 'Invalid characters found' }, 'Invalid'],
  [
    {
      Code: 'InvalidParameterValue',
      SenderFault: true,
      Message: 'One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.',
    },
    'TooLarge',
  ],
  [
    {
      Code: 'InvalidParameterValue',
      SenderFault: true,
      Message: 'Value x for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.',
    },
    'LeaseLost',
  ],
  [{ Code: 'ReceiptHandleIsInvalid', SenderFault: true, Message: 'invalid' }, 'LeaseLost'],
  [{ Code: 'MessageNotInflight', SenderFault: true }, 'LeaseLost'],
  [{ Code: 'AWS.SimpleQueueService.MessageNotInflight', SenderFault: true }, 'LeaseLost'],
  [{ Code: 'KmsThrottled', SenderFault: true }, 'Throttled'],
  [{ Code: 'KMS.AccessDeniedException', SenderFault: true }, 'Denied'],
  [{ Code: 'InternalError', SenderFault: false }, 'Unavailable'],
  [{ Code: 'SomethingNew', SenderFault: true }, 'Invalid'],
])('an entry that failed with %o is %s', (entry, code) => {
  const cause = { Id: '0', ...entry };
  expect(entryError(cause)).toMatchObject({ code, cause });
});

test('an entry without any reason may pass later', () => {
  const entry = { Id: '0', Code: undefined, SenderFault: undefined };
  expect(entryError(entry)).toMatchObject({ code: 'Unavailable' });
});
