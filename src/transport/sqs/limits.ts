import type { Limits } from '../transport.ts';

const HOUR = 3_600_000;

/** SQS. FIFO queues, besides, delay no single message. Free of the SDK, for a Lambda function that needs the numbers only. */
export const LIMITS: Limits = {
  sendEntries: 10,
  sendBytes: 1_048_576,
  messageBytes: 1_048_576 - 16_384,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 10,
  waitMs: 20_000,
  settleEntries: 10,
  retryDelayMs: 12 * HOUR,
  postponeDelayMs: 15 * 60_000,
  leaseMs: 12 * HOUR,
  granularityMs: 1_000,
};
