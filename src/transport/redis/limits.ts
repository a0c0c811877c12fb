import type { Limits } from '../transport.ts';

/**
 * Redis itself takes far more. A batch is one script, and nobody else is served while it runs: 500 messages
 * are about 2 ms.
 */
export const LIMITS: Limits = {
  sendEntries: 500,
  sendBytes: 8 * 1_048_576,
  // As on SQS, so that what is too large there is too large here.
  messageBytes: 1_048_576 - 16_384,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 500,
  waitMs: 20_000,
  settleEntries: 500,
  retryDelayMs: 12 * 3_600_000,
  leaseMs: 12 * 3_600_000,
  granularityMs: 1,
};
