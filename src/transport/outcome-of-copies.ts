import type { TransportError } from './errors.ts';
import type { SendOutcome } from './transport.ts';

/**
 * What became of a message that was stored once for each subscription. As long as one copy may still get through, it is
 * worth another try.
 *
 * @param copies What was done for each subscription that was to have one.
 */
export function outcomeOfCopies<Copy>(
  copies: readonly Copy[],
  errorOf: (copy: Copy) => TransportError | undefined,
  subscriptionOf: (copy: Copy) => string,
): SendOutcome {
  let error: TransportError | undefined;
  const missing: string[] = [];
  for (const copy of copies) {
    const failure = errorOf(copy);
    if (failure === undefined) continue;
    missing.push(subscriptionOf(copy));
    if (error === undefined || (failure.retryable && !error.retryable)) error = failure;
  }
  return error === undefined ? 'accepted' : { error, missing };
}
