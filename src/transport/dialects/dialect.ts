import type { Headers, Incoming, Outgoing } from '../transport.ts';

/**
 * How a message lies on a carrier: `Native` is an entry's text on lists, a file's content, or a stream entry's fields.
 * Each driver has a layout of its own; another one stands for a system that is not ours, whose programs read what
 * `encode` writes and write what `decode` reads.
 *
 * Pure: no clock, no randomness, no connection. Times are Unix ms.
 */
export interface Dialect<Native> {
  /** Throws a TransportError, `Invalid`, for a message that the system has no way to say. */
  encode(message: Outgoing, context: { readonly topic: string; readonly now: number }): Native;
  /**
   * What cannot be read is not refused here: its `body` is the native text as it is, which no contract accepts, so
   * that it ends as a dead letter with its bytes; a header says why.
   */
  decode(native: Native, context: DecodeContext): Decoded;
  /**
   * Whether all of it is there, where that shows: a file may still be being written. What is not complete is waited
   * for, and in the end taken as it is. Absent where it never shows.
   */
  complete?(native: Native): boolean;
  /** What stands there after a failed attempt, where programs that are not ours may take it next. */
  retry(native: Native): Native;
  /** A dead letter as it is stored. `headers`: those of the message and what was added: reason and history. */
  dead(native: Native, letter: Letter): Native;
  /** Reads a dead letter back: what `dead` was given, as far as it is kept, also of one that theirs has written. */
  undead(native: Native): { readonly native: Native; readonly headers: Headers };
  /** Whether a dead letter is one of this topic, where several share a place for them. Absent where none do. */
  concerns?(letter: Native, context: { readonly topic: string }): boolean;
  /**
   * What stands in the queue when a dead letter is replayed: `native` is what `undead` read, the headers are new, and
   * kept as far as the layout has room for them.
   */
  replay(native: Native, context: { readonly headers: Headers; readonly now: number }): Native;
}

/** What is said about a message that is given up. */
export interface Letter {
  readonly headers: Headers;
  /** Where it stood: the key of its list or stream, or its folder. */
  readonly queue: string;
  /** What it was called there, where that is not in the native entry: a stream entry's id. */
  readonly place?: string;
  readonly now: number;
}

export interface DecodeContext {
  readonly topic: string;
  /** What the carrier calls the entry, where that stays the same for as long as it lives: an id for what says none. */
  readonly name?: string;
}

/** What a native entry says. */
export type Decoded = Pick<Incoming, 'id' | 'body' | 'headers'> & {
  readonly key?: string;
  /** When it was sent; where it is not said, carriers that do not know it take the time of the delivery. */
  readonly enqueuedAt?: number;
  /** Attempts that theirs has counted before this one; then `retry` counts one more. */
  readonly attempts?: number;
};

/** A stream entry as Redis has it: names and values in turn. */
export type Fields = readonly string[];
