import type { Connection } from '../redis/connection.ts';
import { decodeFrame, encodeFrame } from '../redis/frame.ts';
import { LIMITS } from '../redis/limits.ts';
import { integer, list, text } from '../redis/replies.ts';
import type { Script } from '../redis/script.ts';
import { expectAtMost, foreignReceipt, noSuchLetter } from '../refusals.ts';
import type { Address, DeadLetter, DeadLetterQueue, Headers, SettleOutcome } from '../transport.ts';
import { deadLettersWhileOpen } from '../while-open.ts';
import type { Directory } from './directory.ts';
import { withGroups } from './groups.ts';
import { DeadLetterReceipt } from './receipt.ts';
import { PURGE_DEAD, RELEASE_DEAD, REPLAY_DEAD, SCAN_DEAD } from './scripts/dead-letters.ts';

/** What dead letters look like, and how they are shown and replayed. */
export interface Letters {
  readonly scan: Script;
  readonly replay: Script;
  readonly release: Script;
  /** A letter as `scan` answers it. */
  letter(shown: readonly unknown[], topic: string): DeadLetter;
  /** What `replay` is told of a letter, after its place. */
  again(letter: DeadLetter, receipt: DeadLetterReceipt, headers: Headers): readonly string[];
}

const OWN_LETTERS: Letters = {
  scan: SCAN_DEAD,
  replay: REPLAY_DEAD,
  release: RELEASE_DEAD,

  letter([place, frame, body, enqueuedAt]) {
    const receipt = new DeadLetterReceipt(text(place));
    return { ...decodeFrame(text(frame)), body: text(body), enqueuedAt: integer(enqueuedAt), receipt };
  },

  again: ({ id, key }, _receipt, headers) => [
    encodeFrame(key === undefined ? { id, headers } : { id, key, headers }),
  ],
};

export interface DeadLetterOptions {
  readonly connection: Connection;
  readonly directory: Directory;
  readonly letters: Letters | undefined;
  readonly ensureOpen: () => void;
}

/** The dead letters of all subscriptions: a stream each, and beside it when each may be shown again. */
export function createDeadLetterQueue(options: DeadLetterOptions): DeadLetterQueue {
  const { connection, directory, letters = OWN_LETTERS, ensureOpen } = options;

  /** Has a script do something about all letters that are ours. */
  function run(script: Script, address: Address, given: readonly DeadLetter[]): Promise<SettleOutcome[]> {
    const { dead, shown } = directory.at(address).subscription.keys;
    return forEachLetter(given, (known) =>
      connection.run(
        script,
        [dead, shown],
        Array.from(known.values(), ({ place }) => place),
      ),
    );
  }

  return deadLettersWhileOpen(ensureOpen, {
    async scan(address, { max, leaseMs }) {
      const { topic, subscription } = directory.at(address);
      const { stream, dead, shown } = subscription.keys;
      const most = Math.min(max, LIMITS.receiveEntries);
      const reply = await withGroups(connection, topic, () =>
        connection.run(letters.scan, [stream, dead, shown], [subscription.name, most, leaseMs]),
      );
      return list(reply).map((letter) => letters.letter(list(letter), topic.name));
    },

    async replay(address, given) {
      const { dead, shown, waiting, bodies, states } = directory.at(address).subscription.keys;
      const headersOf = new Map(given.map(({ letter, headers }) => [letter, headers]));
      return forEachLetter(
        given.map(({ letter }) => letter),
        (known) =>
          connection.run(
            letters.replay,
            [dead, shown, waiting, bodies, states],
            Array.from(known).flatMap(([letter, receipt]) => [
              receipt.place,
              ...letters.again(letter, receipt, headersOf.get(letter) ?? letter.headers),
            ]),
          ),
      );
    },

    purge: async (address, given) => run(PURGE_DEAD, address, given),
    release: async (address, given) => run(letters.release, address, given),
  });
}

/** Asks about all letters that are ours in one script, which answers 1 or 0 for each. */
async function forEachLetter(
  letters: readonly DeadLetter[],
  ask: (known: ReadonlyMap<DeadLetter, DeadLetterReceipt>) => Promise<unknown>,
): Promise<SettleOutcome[]> {
  expectAtMost(LIMITS.settleEntries, letters.length, 'dead letters');
  const known = new Map<DeadLetter, DeadLetterReceipt>();
  for (const letter of letters) {
    if (letter.receipt instanceof DeadLetterReceipt) known.set(letter, letter.receipt);
  }
  const answers = known.size > 0 ? list(await ask(known)) : [];
  const asked = [...known.keys()];
  return letters.map((letter): SettleOutcome => {
    const index = asked.indexOf(letter);
    if (index < 0) return foreignReceipt('redis');
    if (answers[index] === 1) return 'settled';
    return noSuchLetter(letter.id);
  });
}
