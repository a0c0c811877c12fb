import type { StreamSystem } from '../../dialects/systems.ts';
import type { Connection } from '../../redis/connection.ts';
import { encodeFrame } from '../../redis/frame.ts';
import { LIMITS } from '../../redis/limits.ts';
import { list, text } from '../../redis/replies.ts';
import type { DeadLetter, DeadLetterQueue } from '../../transport.ts';
import { forEachLetter } from '../dead-letters.ts';
import type { Directory } from '../directory.ts';
import { withGroups } from '../groups.ts';
import { PURGE_DEAD } from '../scripts/dead-letters.ts';
import { fieldsOf, NativeDeadLetterReceipt, withHeaders } from './native.ts';
import { RELEASE_FIELDS, REPLAY_FIELDS, SCAN_FIELDS } from './scripts.ts';

/** Dead letters as others store them, theirs among ours. What is replayed goes to one subscription, as it was sent. */
export function createNativeDeadLetters(
  { dialect }: StreamSystem,
  connection: Connection,
  directory: Directory,
): DeadLetterQueue {
  function deadLetter([id, fields]: readonly unknown[], topic: string): DeadLetter {
    const place = text(id);
    const { native, headers: added } = dialect.undead(fieldsOf(fields));
    const { id: messageId, body, headers } = withHeaders(dialect.decode(native, { topic }), added);
    const receipt = new NativeDeadLetterReceipt(place, native);
    return { id: messageId, body, headers, enqueuedAt: Number.parseInt(place, 10), receipt };
  }

  return {
    async scan(address, { max, leaseMs }) {
      const { topic, subscription } = directory.at(address);
      const { stream, dead, shown } = subscription.keys;
      const most = Math.min(max, LIMITS.receiveEntries);
      const reply = await withGroups(connection, topic, () =>
        connection.run(SCAN_FIELDS, [stream, dead, shown], [subscription.name, most, leaseMs]),
      );
      return list(reply).map((letter) => deadLetter(list(letter), topic.name));
    },

    replay: async (address, letters) =>
      forEachLetter(
        letters.map(({ letter }) => letter),
        (known) => {
          const { keys } = directory.at(address).subscription;
          const args = letters.flatMap(({ letter, headers }) => {
            const { id, receipt } = letter;
            return known.has(letter) && receipt instanceof NativeDeadLetterReceipt
              ? [
                  receipt.place,
                  encodeFrame({ id, headers }),
                  JSON.stringify(dialect.replay(receipt.fields, { headers, now: Date.now() })),
                ]
              : [];
          });
          return connection.run(
            REPLAY_FIELDS,
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
        const { dead, shown } = directory.at(address).subscription.keys;
        return connection.run(RELEASE_FIELDS, [dead, shown], [...known.values()]);
      }),
  };
}
