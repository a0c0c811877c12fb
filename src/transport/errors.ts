/** What went wrong, in words that mean the same on every carrier. */
export type ErrorCode =
  /** The topic, subscription or queue is not there. */
  | 'NotFound'
  /** The carrier cannot be reached or answers with a fault of its own. */
  | 'Unavailable'
  /** The carrier asks for fewer requests. */
  | 'Throttled'
  /** A message, or one of its parts, is over the carrier's limit. */
  | 'TooLarge'
  /** No credentials, or not the right to do this. */
  | 'Denied'
  /** The lease is over and another consumer may have the message. */
  | 'LeaseLost'
  /** This carrier cannot do that; see its `capabilities`. */
  | 'Unsupported'
  /** The carrier refuses the request as it stands; sending it again does not help. */
  | 'Invalid'
  /** The transport, publisher or worker has been closed. */
  | 'Closed';

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['Unavailable', 'Throttled']);

/** Every error that leaves a driver: a portable `code`, and the native error as `cause`. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: ErrorCode;
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  constructor(code: ErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = RETRYABLE.has(code);
  }
}

/** What anything thrown becomes where only a {@link TransportError} may pass. */
export function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  return new TransportError('Unavailable', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}
