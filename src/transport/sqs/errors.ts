import type { BatchResultErrorEntry } from '@aws-sdk/client-sqs';
import { type ErrorCode, TransportError } from '../errors.ts';

/**
 * Names that SQS, and AWS for all its services, give to errors: the last word of them, for the same error is
 * `QueueDoesNotExist` here and `AWS.SimpleQueueService.NonExistentQueue` there. Others go by their status.
 */
const CODES: Readonly<Record<string, ErrorCode>> = {
  QueueDoesNotExist: 'NotFound',
  NonExistentQueue: 'NotFound',

  RequestThrottled: 'Throttled',
  Throttling: 'Throttled',
  ThrottlingException: 'Throttled',
  ThrottledException: 'Throttled',
  RequestThrottledException: 'Throttled',
  RequestLimitExceeded: 'Throttled',
  TooManyRequestsException: 'Throttled',
  KmsThrottled: 'Throttled',
  // Too many messages are in flight: room comes when some are settled.
  OverLimit: 'Throttled',

  AccessDenied: 'Denied',
  AccessDeniedException: 'Denied',
  KmsAccessDenied: 'Denied',
  KmsOptInRequired: 'Denied',
  InvalidSecurity: 'Denied',
  InvalidClientTokenId: 'Denied',
  UnrecognizedClientException: 'Denied',
  InvalidAccessKeyId: 'Denied',
  ExpiredToken: 'Denied',
  ExpiredTokenException: 'Denied',
  MissingAuthenticationToken: 'Denied',
  MissingAuthenticationTokenException: 'Denied',
  IncompleteSignature: 'Denied',
  InvalidSignatureException: 'Denied',
  SignatureDoesNotMatch: 'Denied',
  OptInRequired: 'Denied',

  // The clocks differ: the SDK has learnt by how much, and signs the next request right.
  RequestExpired: 'Unavailable',
  RequestInTheFuture: 'Unavailable',
  RequestTimeTooSkewed: 'Unavailable',
  // A queue of this name may be made again after 60 s.
  QueueDeletedRecently: 'Unavailable',

  BatchRequestTooLong: 'TooLarge',

  ReceiptHandleIsInvalid: 'LeaseLost',
  MessageNotInflight: 'LeaseLost',
};

/** Anything that a call to SQS about a queue throws. `place` names the SQS that was asked. */
export function transportError(error: unknown, place: string, queue: string): TransportError {
  if (error instanceof TransportError) return error;
  const name = errorName(error);
  const text = textOf(error, 'message');
  if (name === 'CredentialsProviderError') {
    return new TransportError(
      'Denied',
      'there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
      { cause: error },
    );
  }
  const code = CODES[name] ?? byStatus(error);
  if (code === 'NotFound') return missingQueues([queue], place, error);
  if (code !== undefined) {
    const message = `${place} answered about ${queue}: ${text || name} (${name})`;
    return new TransportError(code, message, { cause: error });
  }
  // Without an answer. What Node throws when several addresses were tried has no message, only a code.
  const reason = [textOf(error, 'code'), text].filter((part) => part !== '').join(': ') || name;
  return new TransportError('Unavailable', `${place} cannot be reached: ${reason}`, { cause: error });
}

/** Says which queues are not there, and what to do about it. */
export function missingQueues(queues: readonly string[], place: string, cause: unknown): TransportError {
  return new TransportError(
    'NotFound',
    `${place} has no queue ${queues.join(', ')}: deploy the stack, or create what is missing with hikyaku provision`,
    { cause },
  );
}

/** Why one entry of a batch failed, where the others may have gone through. */
export function entryError(entry: BatchResultErrorEntry): TransportError {
  const name = lastWord(entry.Code ?? '');
  const text = entry.Message ?? name;
  return new TransportError(
    CODES[name] ?? (entry.SenderFault ? refused(text) : 'Unavailable'),
    `SQS refused it: ${text} (${name})`,
    { cause: entry },
  );
}

/** InvalidParameterValue says only in words which parameter it means. */
function refused(text: string): ErrorCode {
  if (/must be shorter|too long|too large/i.test(text)) return 'TooLarge';
  if (/receipt ?handle|not available for visibility/i.test(text)) return 'LeaseLost';
  return 'Invalid';
}

function byStatus(error: unknown): ErrorCode | undefined {
  const status = statusOf(error);
  if (status === undefined) return undefined;
  if (status === 403) return 'Denied';
  if (status === 413) return 'TooLarge';
  if (status === 429) return 'Throttled';
  return status >= 400 && status < 500 ? 'Invalid' : 'Unavailable';
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('$metadata' in error)) return undefined;
  const metadata = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}

/** The name SQS gives an error, without what some servers put before it. */
export function errorName(error: unknown): string {
  return lastWord(textOf(error, 'name'));
}

/** The text that stands there, or the empty one. */
export function textOf(error: unknown, field: string): string {
  const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined;
  return typeof value === 'string' ? value : '';
}

function lastWord(name: string): string {
  return name.slice(Math.max(name.lastIndexOf('.'), name.lastIndexOf('#')) + 1);
}
