import { encodeFrame } from '../redis/frame.ts';
import type { Script } from '../redis/script.ts';
import type { Headers, Incoming, Topology } from '../transport.ts';
import { createDirectory, type Directory } from './directory.ts';
import { heldMessage, streamMessage } from './incoming.ts';
import type { RedisReceipt } from './receipt.ts';
import { TAKE_HELD } from './scripts/receive.ts';
import { SETTLE } from './scripts/settle.ts';

/** What streams, groups and keys are called, and how what is received from them is read and ended. */
export interface Layout {
  /** Throws InvalidName for a topology whose names do not fit. */
  directory(topology: Topology): Directory;
  /** An entry of the stream as the server answers it. */
  entry(entry: readonly unknown[], owner: string, leaseUntil: number, topic: string): Incoming;
  /** A message held apart, as the script answers it. */
  held(
    reply: readonly unknown[],
    by: { readonly owner: string; readonly token: string },
    leaseUntil: number,
    topic: string,
  ): Incoming;
  /** What the script is told of a dead letter. `headers`: all it has. */
  letter(receipt: RedisReceipt, headers: Headers, stream: string): string;
  /** Takes what is held apart. */
  readonly take: Script;
  /** Ends deliveries. */
  readonly settle: Script;
}

export const OWN_LAYOUT: Layout = {
  directory: createDirectory,
  entry: streamMessage,
  held: heldMessage,
  letter: ({ frame }, headers) => encodeFrame({ ...frame, headers }),
  take: TAKE_HELD,
  settle: SETTLE,
};
