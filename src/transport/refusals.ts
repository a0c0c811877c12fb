import { TransportError } from './errors.ts';
import { fits, type Sized, sizeOf } from './transport.ts';

/** What every carrier refuses, in the same words. Each says why, or nothing. */

/** @throws TransportError `Invalid` for more of something in one call than the carrier's limits say. */
export function expectAtMost(most: number, count: number, what: string): void {
  if (count > most) throw new TransportError('Invalid', `${count} ${what} in one call: at most ${most}`);
}

export function tooLarge(message: Sized, most: number, what = 'message'): TransportError | undefined {
  if (fits(message, most)) return undefined;
  return new TransportError(
    'TooLarge',
    `${what} ${message.id} has ${sizeOf(message)} bytes: at most ${most} fit`,
  );
}

/** Half a surrogate pair has no bytes in UTF-8: it would arrive as something else. */
export function halfPair(text: string, what = 'message'): TransportError | undefined {
  if (text.isWellFormed()) return undefined;
  return new TransportError(
    'Invalid',
    `the ${what} contains half a surrogate pair, which UTF-8 cannot write`,
  );
}

/** @param has Whether the topic has a subscription of that name. */
export function notFound(
  topic: string,
  only: readonly string[] | undefined,
  has: (subscription: string) => boolean,
): TransportError | undefined {
  const unknown = only?.find((name) => !has(name));
  return unknown === undefined ? undefined : noSubscription(topic, unknown);
}

export function noSubscription(topic: string, subscription: string): TransportError {
  return new TransportError('NotFound', `topic ${topic} has no subscription ${subscription}`);
}

export function leaseLost(id: string): TransportError {
  return new TransportError(
    'LeaseLost',
    `the lease of message ${id} has ended: another consumer may have it`,
  );
}

export function noSuchLetter(id: string): TransportError {
  return new TransportError('NotFound', `dead letter ${id} is no longer there`);
}

export function foreignReceipt(transport: string): TransportError {
  return new TransportError('Invalid', `the receipt is not from the ${transport} transport`);
}
