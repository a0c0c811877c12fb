import { within } from '../../time/within.ts';
import { TransportError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { isUnblocked } from './errors.ts';
import { addressOf } from './server.ts';

/** Reads that wait on the server, on a connection of their own: one at a time. */
export interface BlockingReader {
  /** Resolves when the read under way has ended; undefined when there is none. */
  readonly underWay: Promise<void> | undefined;
  /**
   * Runs a blocking command. When `stop` fires it resolves with undefined, promptly; what the server still
   * answers is given to `late`.
   */
  read(command: readonly (string | number)[], options: ReadOptions): Promise<unknown>;
  /** Waits for a read under way and gives up the connection. */
  close(): Promise<void>;
}

export interface ReadOptions {
  /** For this read alone: nobody takes its listener away. */
  readonly stop: AbortSignal;
  readonly late: (reply: unknown) => Promise<undefined>;
}

/** Longer than a read takes that could not be told to end. In ms. */
const CLOSE_PATIENCE = 1_500;

/** @param other Another connection to the same server, from which a read can be told to end. */
export function createBlockingReader(connect: () => Connection, other: Connection): BlockingReader {
  let connection: Connection | undefined;
  let underWay: Promise<void> | undefined;

  /** Ends the wait of the read under way. Without the right to, or when it has just ended, nothing happens. */
  async function unblock(waiting: Connection): Promise<void> {
    const [here, there] = await Promise.all([waiting.server(), other.server()]);
    // In the middle of a failover it would be somebody else's.
    if (addressOf(here.node) !== addressOf(there.node)) return;
    await other.call('CLIENT', 'UNBLOCK', here.connection);
  }

  return {
    get underWay() {
      return underWay;
    },

    async read([command = '', ...args], { stop, late }) {
      connection ??= connect();
      const waiting = connection;
      const reading = waiting.call(String(command), ...args).catch((error: unknown) => {
        if (error instanceof TransportError && isUnblocked(error.cause)) return undefined;
        throw error;
      });
      const stopped = Promise.withResolvers<undefined>();
      const leave = (): void => {
        stopped.resolve(undefined);
        unblock(waiting).catch(() => undefined);
      };
      stop.addEventListener('abort', leave, { once: true });
      if (stop.aborted) leave();
      // Decided once, as the answer arrives: it is for whoever waits, or comes too late.
      const answered = reading.then((reply) => (stop.aborted ? late(reply) : reply));
      const ended = answered
        .catch(() => undefined)
        .then(() => {
          if (underWay === ended) underWay = undefined;
        });
      underWay = ended;
      return Promise.race([answered, stopped.promise]);
    },

    async close() {
      // It has been told to end; a server that says nothing is not waited for.
      await within(CLOSE_PATIENCE, underWay);
      connection?.close();
    },
  };
}
