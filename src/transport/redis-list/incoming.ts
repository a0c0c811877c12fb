import type { Decoded, Dialect } from '../dialects/dialect.ts';
import { integer, list, text } from '../redis/replies.ts';
import type { Incoming } from '../transport.ts';
import { ListReceipt } from './receipt.ts';

export interface Delivered {
  readonly topic: string;
  /** What the ids of its lots begin with. */
  readonly token: string;
  readonly dialect: Dialect<string>;
  readonly leaseUntil: number;
}

/** Messages as the script answers them: entries in pages, sizes of lots, deliveries where not the first, and the time. */
export function deliveries(
  [pages, sizes, again, time]: readonly unknown[],
  { topic, token, dialect, leaseUntil }: Delivered,
): Incoming[] {
  const all = list(pages).flatMap(list);
  const now = integer(time);
  const received: Incoming[] = [];
  for (const [index, reply] of list(sizes).entries()) {
    const size = integer(reply);
    const lot = { id: `${token}.${index + 1}.${size}`, size };
    for (let place = 1; place <= size; place++) {
      const native = text(all[received.length]);
      const decoded = dialect.decode(native, { topic });
      const { id, headers } = decoded;
      const receipt = new ListReceipt(lot, place, id, headers, native);
      received.push(incoming(decoded, 1, now, leaseUntil, receipt));
    }
  }
  const repeated = list(again);
  for (let at = 0; at < repeated.length; at += 2) {
    const index = integer(repeated[at]) - 1;
    const one = received[index];
    if (one !== undefined) {
      received[index] = { ...one, deliveries: one.deliveries - 1 + integer(repeated[at + 1]) };
    }
  }
  return received;
}

function incoming(
  { id, body, headers, key, enqueuedAt = 0, attempts = 0 }: Decoded,
  count: number,
  now: number,
  leaseUntil: number,
  receipt: ListReceipt,
): Incoming {
  const at = enqueuedAt || now;
  const deliveries = attempts + count;
  return key === undefined
    ? { id, body, headers, deliveries, enqueuedAt: at, leaseUntil, receipt }
    : { id, body, headers, key, deliveries, enqueuedAt: at, leaseUntil, receipt };
}
