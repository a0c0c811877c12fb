import type { Connection } from '../redis/connection.ts';
import { decodeFrame, encodeFrame } from '../redis/frame.ts';
import { LIMITS } from '../redis/limits.ts';
import { integer, list, text } from '../redis/replies.ts';
import { expectAtMost, foreignReceipt, noSuchLetter } from '../refusals.ts';
import type { DeadLetter, DeadLetterQueue, SettleOutcome } from '../transport.ts';
import type { Directory } from './directory.ts';
import { withGroups } from './groups.ts';
import { DeadLetterReceipt } from './receipt.ts';
import { PURGE_DEAD, RELEASE_DEAD, REPLAY_DEAD, SCAN_DEAD } from './scripts/dead-letters.ts';

/** The dead letters of all subscriptions: a stream each, and beside it when each may be shown again. */
export function createDeadLetterQueue(connection: Connection, directory: Directory): DeadLetterQueue {
  return {
    async scan(address, { max, leaseMs }) {
      const { topic, subscription } = directory.at(address);
      const { stream, dead, shown } = subscription.keys;
      const most = Math.min(max, LIMITS.receiveEntries);
      const reply = await withGroups(connection, topic, () =>
        connection.run(SCAN_DEAD, [stream, dead, shown], [subscription.name, most, leaseMs]),
      );
      return list(reply).map((letter) => deadLetter(list(letter)));
    },

    replay: async (address, letters) =>
      forEachLetter(
        letters.map(({ letter }) => letter),
        (known) => {
          const { keys } = directory.at(address).subscription;
          const args = letters.flatMap(({ letter, headers }) => {
            const { id, key, receipt } = letter;
            const frame = encodeFrame(key === undefined ? { id, headers } : { id, key, headers });
            return known.has(letter) && receipt instanceof DeadLetterReceipt ? [receipt.place, frame] : [];
          });
          return connection.run(
            REPLAY_DEAD,
            [keys.dead, keys.shown, keys.waiting, keys.bodies, keys.states],
            args,
          );
        },
      ),

    purge: async (address, letters) =>
      forEachLetter(letters, (known) => {
        const { dead, shown } = directory.at(address).subscription.keys;
        return connection.run(PURGE_DEAD, [dead, shown], [...known.values()]);
      }),

    release: async (address, letters) =>
      forEachLetter(letters, (known) => {
        const { shown } = directory.at(address).subscription.keys;
        return connection.run(RELEASE_DEAD, [shown], [...known.values()]);
      }),
  };
}

/** Asks about all letters that are ours in one script, which answers 1 or 0 for each. */
export async function forEachLetter(
  letters: readonly DeadLetter[],
  ask: (places: ReadonlyMap<DeadLetter, string>) => Promise<unknown>,
): Promise<SettleOutcome[]> {
  expectAtMost(LIMITS.settleEntries, letters.length, 'dead letters');
  const places = new Map<DeadLetter, string>();
  for (const letter of letters) {
    if (letter.receipt instanceof DeadLetterReceipt) places.set(letter, letter.receipt.place);
  }
  const answers = places.size > 0 ? list(await ask(places)) : [];
  const asked = [...places.keys()];
  return letters.map((letter): SettleOutcome => {
    const index = asked.indexOf(letter);
    if (index < 0) return foreignReceipt('redis');
    if (answers[index] === 1) return 'settled';
    return noSuchLetter(letter.id);
  });
}

function deadLetter([place, frame, body, enqueuedAt]: readonly unknown[]): DeadLetter {
  const receipt = new DeadLetterReceipt(text(place));
  return { ...decodeFrame(text(frame)), body: text(body), enqueuedAt: integer(enqueuedAt), receipt };
}
