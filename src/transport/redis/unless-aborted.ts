import { TransportError } from '../errors.ts';

/** The answer is a moment away, but a server that says nothing may take its time. */
export async function unlessAborted<Answer>(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void =>
    reject(new TransportError('Unavailable', 'the send was aborted before Redis answered'));
  signal.addEventListener('abort', abort, { once: true });
  try {
    if (signal.aborted) abort();
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
