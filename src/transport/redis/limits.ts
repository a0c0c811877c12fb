import type { Limits } from '../transport.ts';

/**
 * Redis itself takes far more. A batch is one script, and nobody else is served while it runs: 250 messages
 * are about 1 ms to add. Texts above 128 KiB are kept apart by V8, which costs the publisher an eighth: so many of 400 bytes stay below.
 */
export const LIMITS: Limits = {
  sendEntries: 250,
  sendBytes: 8 * 1_048_576,
  // As on SQS, so that what is too large there is too large here.
  messageBytes: 1_048_576 - 16_384,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 500,
  waitMs: 20_000,
  settleEntries: 500,
  retryDelayMs: 12 * 3_600_000,
  postponeDelayMs: 12 * 3_600_000,
  leaseMs: 12 * 3_600_000,
  granularityMs: 1,
};
