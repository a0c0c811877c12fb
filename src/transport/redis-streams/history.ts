import { TransportError } from '../errors.ts';
import type { Connection } from '../redis/connection.ts';
import { decodeFrame, encodeFrame } from '../redis/frame.ts';
import { LIMITS } from '../redis/limits.ts';
import { list, text } from '../redis/replies.ts';
import { expectAtMost, foreignReceipt } from '../refusals.ts';
import type { History, HistoryMessage, HistoryOutcome } from '../transport.ts';
import type { Directory } from './directory.ts';
import { withGroups } from './groups.ts';
import { HistoryReceipt } from './receipt.ts';
import { READ_HISTORY, REPLAY_HISTORY } from './scripts/history.ts';

/** What the streams keep for the time of retention. What is replayed is held apart, for its subscription alone. */
export function createHistory(connection: Connection, directory: Directory, ensureOpen: () => void): History {
  return {
    async read(address, { from, to, max, after }) {
      ensureOpen();
      const { topic, subscription } = directory.at(address);
      if (after !== undefined && !(after instanceof HistoryReceipt)) throw foreignReceipt('redis');
      const first = Math.max(0, Math.ceil(from));
      const end = Math.ceil(to);
      if (end <= first) return [];
      const { stream, states } = subscription.keys;
      const start = after === undefined ? `${first}-0` : `(${after.place}`;
      const most = Math.min(max, LIMITS.receiveEntries);
      const reply = await withGroups(connection, topic, () =>
        connection.run(READ_HISTORY, [stream, states], [subscription.name, start, `(${end}-0`, most]),
      );
      return list(reply).map((message) => historyMessage(list(message)));
    },

    async replay(address, messages) {
      ensureOpen();
      const { topic, subscription } = directory.at(address);
      expectAtMost(LIMITS.settleEntries, messages.length, 'messages');
      let args: string[] = [];
      for (const { message, headers } of messages) {
        const { id, key, receipt } = message;
        if (!(receipt instanceof HistoryReceipt)) continue;
        args.push(receipt.place, encodeFrame(key === undefined ? { id, headers } : { id, key, headers }));
      }
      const { stream, waiting, bodies, states } = subscription.keys;
      const keys = [stream, waiting, bodies, states];
      const answered: unknown[] = [];
      while (args.length > 0) {
        const asked = [subscription.name, ...args];
        const reply = list(
          await withGroups(connection, topic, () => connection.run(REPLAY_HISTORY, keys, asked)),
        );
        answered.push(...reply);
        args = args.slice(reply.length * 2);
      }
      const answers = answered.values();
      return messages.map(({ message }): HistoryOutcome => {
        if (!(message.receipt instanceof HistoryReceipt)) return foreignReceipt('redis');
        const answer = answers.next().value;
        if (answer === 1) return 'replayed';
        if (answer === 2) return 'undone';
        return new TransportError('NotFound', `message ${message.id} is no longer kept`);
      });
    },
  };
}

function historyMessage([place, frame, undone]: readonly unknown[]): HistoryMessage {
  const id = text(place);
  return {
    ...decodeFrame(text(frame)),
    enqueuedAt: Number.parseInt(id, 10),
    undone: undone === 1,
    receipt: new HistoryReceipt(id),
  };
}
