import { decodeFrame } from '../redis/frame.ts';
import { integer, list, text } from '../redis/replies.ts';
import type { Incoming } from '../transport.ts';
import type { ReadAs } from './layout.ts';
import { type Lot, RedisReceipt } from './receipt.ts';

/**
 * An entry of the stream as the server answers it: id, and fields with their values. It is delivered once. What
 * another program added may have its body in a field `b`, and its frame in `m`.
 */
export function streamMessage(
  [place, fields]: readonly unknown[],
  { owner, leaseUntil, lot }: Omit<ReadAs, 'topic'>,
): Incoming {
  const id = text(place);
  let frame = id;
  let body = '';
  const flat = list(fields);
  for (let index = 0; index < flat.length; index += 2) {
    const value = text(flat[index + 1]);
    if (flat[index] === 'e') {
      const end = value.indexOf('\n');
      if (end >= 0) frame = value.slice(0, end);
      body = value.slice(end + 1);
    } else if (flat[index] === 'm') frame = value;
    else if (flat[index] === 'b') body = value;
  }
  const enqueuedAt = Number.parseInt(id, 10);
  return incoming({ place: id, owner, frame, body, deliveries: 1, enqueuedAt, leaseUntil, lot });
}

/** A message held apart, as the script answers it. */
export function heldMessage(
  reply: readonly unknown[],
  { owner, token }: { readonly owner: string; readonly token: string },
  leaseUntil: number,
): Incoming {
  const [place, deliveries, frame, body, enqueuedAt] = reply;
  return incoming({
    place: text(place),
    token,
    owner,
    frame: text(frame),
    body: text(body),
    deliveries: integer(deliveries),
    enqueuedAt: integer(enqueuedAt),
    leaseUntil,
  });
}

interface Fields {
  readonly place: string;
  readonly token?: string;
  readonly owner: string;
  readonly frame: string;
  readonly body: string;
  readonly deliveries: number;
  readonly enqueuedAt: number;
  readonly leaseUntil: number;
  readonly lot?: Lot | undefined;
}

function incoming(fields: Fields): Incoming {
  const { place, token, owner, body, deliveries, enqueuedAt, leaseUntil, lot } = fields;
  const frame = decodeFrame(fields.frame);
  const { id, headers, key } = frame;
  const receipt = new RedisReceipt(place, token, owner, frame, leaseUntil, lot);
  return key === undefined
    ? { id, body, headers, deliveries, enqueuedAt, leaseUntil, receipt }
    : { id, body, headers, key, deliveries, enqueuedAt, leaseUntil, receipt };
}
