import type { Limits } from '../transport.ts';

/** A file system takes far more. A batch is as many fsyncs, and copies of each for every subscription. */
export const LIMITS: Limits = {
  sendEntries: 200,
  sendBytes: 8 * 1_048_576,
  // As on SQS, so that what is too large there is too large here.
  messageBytes: 1_048_576 - 16_384,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 200,
  waitMs: 20_000,
  settleEntries: 200,
  retryDelayMs: 12 * 3_600_000,
  leaseMs: 12 * 3_600_000,
  granularityMs: 1,
};

/** A larger file is never read: a message with all that a dead letter adds has fewer bytes. */
export const MOST_FILE_BYTES = 1_048_576 + 65_536;
