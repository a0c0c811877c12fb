import type { Connection } from '../redis/connection.ts';
import { encodeFrame } from '../redis/frame.ts';
import type { Script } from '../redis/script.ts';
import type { Headers, Incoming, Outgoing, SendOutcome, Topology } from '../transport.ts';
import type { Letters } from './dead-letters.ts';
import { createDirectory, type Directory, type TopicPlace } from './directory.ts';
import { heldMessage, streamMessage } from './incoming.ts';
import type { RedisStreamsOptions } from './options.ts';
import type { Lot, RedisReceipt } from './receipt.ts';
import { DEPTH } from './scripts/operate.ts';
import { TAKE_HELD } from './scripts/receive.ts';
import { SETTLE } from './scripts/settle.ts';
import { send } from './send.ts';

/** What streams, groups and keys are called, and how entries are written, read, ended and counted. */
export interface Layout {
  /** Throws InvalidName for a topology whose names do not fit. */
  directory(topology: Topology): Directory;
  /** Adds a batch. */
  send(
    connection: Connection,
    topic: TopicPlace,
    messages: readonly Outgoing[],
    options: RedisStreamsOptions,
  ): Promise<SendOutcome[]>;
  /** An entry of the stream as the server answers it. */
  entry(entry: readonly unknown[], read: ReadAs): Incoming;
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
  readonly depth: Script;
  /** Absent: ours, which functions are bundled without. */
  readonly letters?: Letters;
}

/** What is known of all entries that a call has read. */
export interface ReadAs {
  readonly topic: string;
  readonly owner: string;
  readonly leaseUntil: number;
  readonly lot?: Lot | undefined;
}

export const OWN_LAYOUT: Layout = {
  directory: createDirectory,
  send,
  entry: streamMessage,
  held: heldMessage,
  letter: ({ frame }, headers) => encodeFrame({ ...frame, headers }),
  take: TAKE_HELD,
  settle: SETTLE,
  depth: DEPTH,
};
