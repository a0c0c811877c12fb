import { TransportError } from '../errors.ts';
import type { Outgoing } from '../transport.ts';
import type { Dialect } from './dialect.ts';

/** A message as it is written; or why it cannot be, which is that message's outcome and no other's. */
export function encoded<Native>(
  dialect: Dialect<Native>,
  message: Outgoing,
  context: { readonly topic: string; readonly now: number },
): Native | TransportError {
  try {
    return dialect.encode(message, context);
  } catch (error) {
    if (error instanceof TransportError) return error;
    throw error;
  }
}
