import type { Fields } from '../../dialects/dialect.ts';
import type { StreamSystem } from '../../dialects/systems.ts';
import { decodeFrame } from '../../redis/frame.ts';
import { integer, text } from '../../redis/replies.ts';
import type { Incoming } from '../../transport.ts';
import type { Layout } from '../layout.ts';
import type { RedisReceipt } from '../receipt.ts';
import { dialectLetters } from './dead-letters.ts';
import { dialectDirectory } from './directory.ts';
import { fieldsOf, NativeReceipt, withHeaders } from './native.ts';
import { DEPTH_OF_FIELDS, SETTLE_FIELDS, TAKE_FIELDS } from './scripts.ts';
import { sendFields } from './send.ts';

/**
 * Streams that are not ours. What is retried, released or replayed is held apart under our own prefix, so that it reaches
 * no other group than the one that failed.
 */
export function dialectLayout(system: StreamSystem): Layout {
  const { dialect } = system;

  function incoming(
    fields: Fields,
    frame: string,
    delivery: Omit<Incoming, 'id' | 'body' | 'headers' | 'key' | 'receipt'> & {
      readonly place: string;
      readonly token?: string;
      readonly owner: string;
      readonly topic: string;
    },
  ): Incoming {
    const { place, token, owner, topic, deliveries, enqueuedAt, leaseUntil } = delivery;
    const said = withHeaders(dialect.decode(fields, { topic }), decodeFrame(frame).headers);
    const { id, body, headers, attempts = 0 } = said;
    const receipt = new NativeReceipt(fields, place, token, owner, said, leaseUntil);
    return { id, body, headers, deliveries: deliveries + attempts, enqueuedAt, leaseUntil, receipt };
  }

  return {
    directory: (topology) => dialectDirectory(topology, system),

    send: (connection, topic, messages, options) => sendFields(system, connection, topic, messages, options),

    entry([id, fields], { owner, leaseUntil, topic }) {
      const place = text(id);
      const enqueuedAt = Number.parseInt(place, 10);
      return incoming(fieldsOf(fields), place, {
        place,
        owner,
        topic,
        deliveries: 1,
        enqueuedAt,
        leaseUntil,
      });
    },

    held([place, deliveries, frame, fields, enqueuedAt], { owner, token }, leaseUntil, topic) {
      return incoming(fieldsOf(fields), text(frame), {
        place: text(place),
        token,
        owner,
        topic,
        deliveries: integer(deliveries),
        enqueuedAt: integer(enqueuedAt),
        leaseUntil,
      });
    },

    letter(receipt, headers, queue) {
      const { place } = receipt;
      return JSON.stringify(dialect.dead(fieldsBehind(receipt), { headers, queue, place, now: Date.now() }));
    },

    take: TAKE_FIELDS,
    settle: SETTLE_FIELDS,
    depth: DEPTH_OF_FIELDS,
    letters: dialectLetters(system),
  };
}

function fieldsBehind(receipt: RedisReceipt): Fields {
  return receipt instanceof NativeReceipt ? receipt.fields : [];
}
