import { choose } from './invalid-context.ts';

/** What carries the messages of an installation in AWS. */
export type TransportName = 'sqs' | 'redis';

export const TRANSPORTS: readonly TransportName[] = ['sqs', 'redis'];

/** Reads the context `transport`. Default `sqs`. Throws `InvalidContext`. */
export function parseTransport(value: unknown): TransportName {
  return choose('transport', value, TRANSPORTS) ?? 'sqs';
}
