import type { Dialect } from '../dialects/dialect.ts';
import { inPieces } from '../in-pieces.ts';
import type { Connection } from '../redis/connection.ts';
import { LIMITS } from '../redis/limits.ts';
import { integer, list, text } from '../redis/replies.ts';
import { expectAtMost, foreignReceipt, noSuchLetter } from '../refusals.ts';
import type { DeadLetter, DeadLetterQueue, SettleOutcome } from '../transport.ts';
import { deadLettersWhileOpen } from '../while-open.ts';
import type { ServerClock } from './clock.ts';
import type { Directory, Queue } from './directory.ts';
import { withQueues } from './queues.ts';
import { DeadLetterReceipt } from './receipt.ts';
import { PURGE_DEAD, RELEASE_DEAD, REPLAY_DEAD, SCAN_DEAD } from './scripts/operate.ts';

/** Each is looked for in a list, and nobody else is served meanwhile. */
const LETTERS_AT_ONCE = 50;

export interface DeadLetterOptions {
  readonly connection: Connection;
  readonly clock: ServerClock;
  readonly directory: Directory;
  readonly dialect: Dialect<string>;
  readonly ensureOpen: () => void;
}

/** The dead letters of all subscriptions: a list each, and beside it what is shown to somebody just now. */
export function createDeadLetterQueue(options: DeadLetterOptions): DeadLetterQueue {
  const { connection, clock, directory, dialect, ensureOpen } = options;
  /** How many of the oldest were shown last: the next page begins behind them. */
  const shownOf = new Map<Queue, number>();

  function deadLetter(native: string, topic: string, time: number): DeadLetter {
    const { native: before, headers } = dialect.undead(native);
    const { id, body, key, enqueuedAt = time } = dialect.decode(before, { topic });
    const receipt = new DeadLetterReceipt(native);
    return key === undefined
      ? { id, body, headers, enqueuedAt, receipt }
      : { id, body, headers, key, enqueuedAt, receipt };
  }

  return deadLettersWhileOpen(ensureOpen, {
    async scan(address, { max, leaseMs, signal }) {
      const queue = directory.at(address);
      const { queue: main, lots, dead, shown } = queue.keys;
      const most = Math.min(max, LIMITS.receiveEntries);
      const letters: DeadLetter[] = [];
      let at = shownOf.get(queue) ?? 0;
      // Once around.
      for (let looked = 0, length = 1; letters.length < most && looked < length && !signal?.aborted; ) {
        const reply = await withQueues(connection, [queue], () =>
          connection.run(SCAN_DEAD, [main, lots, dead, shown], [at, most - letters.length, leaseMs]),
        );
        const [page, count, all, time] = list(reply);
        for (const native of list(page).map(text)) {
          if (dialect.concerns?.(native, queue) === false) continue;
          letters.push(deadLetter(native, queue.topic, integer(time)));
        }
        looked += integer(count);
        length = integer(all);
        at = at + integer(count) < length ? at + integer(count) : 0;
      }
      shownOf.set(queue, at);
      return letters;
    },

    async replay(address, letters) {
      const { queue, dead, shown } = directory.at(address).keys;
      const now = letters.length > 0 ? await clock.now() : 0;
      const headersOf = new Map(letters.map(({ letter, headers }) => [letter, headers]));
      return forEach(
        letters.map(({ letter }) => letter),
        (piece) =>
          connection.run(
            REPLAY_DEAD,
            [dead, shown, queue],
            piece.flatMap(({ letter, native }) => {
              const { native: before, headers } = dialect.undead(native);
              return [native, dialect.replay(before, { headers: headersOf.get(letter) ?? headers, now })];
            }),
          ),
      );
    },

    purge: async (address, letters) => {
      const { dead, shown } = directory.at(address).keys;
      return forEach(letters, (piece) => connection.run(PURGE_DEAD, [dead, shown], nativesOf(piece)));
    },

    release: async (address, letters) => {
      const { dead, shown } = directory.at(address).keys;
      return forEach(letters, (piece) => connection.run(RELEASE_DEAD, [dead, shown], nativesOf(piece)));
    },
  });
}

interface Known {
  readonly letter: DeadLetter;
  readonly native: string;
}

/** Asks about all letters that are ours, some in each script, which answers 1 or 0 for each. */
async function forEach(
  letters: readonly DeadLetter[],
  ask: (piece: readonly Known[]) => Promise<unknown>,
): Promise<SettleOutcome[]> {
  expectAtMost(LIMITS.settleEntries, letters.length, 'dead letters');
  const known = letters.flatMap((letter): Known[] =>
    letter.receipt instanceof DeadLetterReceipt ? [{ letter, native: letter.receipt.native }] : [],
  );
  const answers = new Map<DeadLetter, unknown>();
  for (const piece of inPieces(known, LETTERS_AT_ONCE)) {
    const reply = list(await ask(piece));
    for (const [index, { letter }] of piece.entries()) answers.set(letter, reply[index]);
  }
  return letters.map((letter): SettleOutcome => {
    if (!answers.has(letter)) return foreignReceipt('redis+list');
    if (answers.get(letter) === 1) return 'settled';
    return noSuchLetter(letter.id);
  });
}

function nativesOf(piece: readonly Known[]): string[] {
  return piece.map(({ native }) => native);
}
