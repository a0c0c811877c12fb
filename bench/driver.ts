import type { Data } from './message.ts';

/** One way to carry messages, measured from both ends in processes of their own. */
export interface Driver {
  openProducer(url: string): Promise<Producer>;
  /** Handles messages from now on: `onMessage` is all that the handler does. */
  openConsumer(url: string, onMessage: (data: Data) => void): Promise<Consumer>;
  /** How many messages the server still holds for it, in whatever state. */
  left(url: string): Promise<number>;
}

export interface Producer {
  /** Sends messages `from` up to `from + count`, as fast as it can. Resolves when all are accepted. */
  saturate(from: number, count: number): Promise<void>;
  /** Sends those that came due together. Resolves when all are accepted. */
  send(messages: readonly Data[]): Promise<void>;
  close(): Promise<void> | void;
}

export interface Consumer {
  /** Takes no more, settles what it has handled, and gives up its connections. */
  close(): Promise<void> | void;
}
