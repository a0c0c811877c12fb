import type { Limits } from '../transport.ts';

/** Kept free for what a dead letter says. */
const LETTER_BYTES = 16_384;

/** A file system takes far more. A batch is as many fsyncs, and copies of each for every subscription. */
export const LIMITS: Limits = {
  sendEntries: 200,
  sendBytes: 8 * 1_048_576,
  // As on SQS, so that what is too large there is too large here.
  messageBytes: 1_048_576 - LETTER_BYTES,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 200,
  waitMs: 20_000,
  settleEntries: 200,
  retryDelayMs: 12 * 3_600_000,
  postponeDelayMs: 12 * 3_600_000,
  leaseMs: 12 * 3_600_000,
  granularityMs: 1,
};

/** A file is never read whose body is larger. Dead letters and replays of others' files get a line in front of it. */
export const MOST_FILE_BYTES = 1_048_576 + 65_536;
/** With that line a file may be larger by this: what a dead letter says, and as much again for what a replay does. */
export const MOST_LINE_BYTES = 2 * LETTER_BYTES;
/** A message is never written larger: in any dialect its dead letter can be read. */
export const MOST_WRITTEN_BYTES = MOST_FILE_BYTES - LETTER_BYTES;
