import type { Decoded, Dialect } from '../dialects/dialect.ts';
import { integer, text } from '../redis/replies.ts';
import type { Incoming } from '../transport.ts';
import { ListReceipt, type Lot } from './receipt.ts';

export interface Delivered {
  readonly topic: string;
  readonly lot: Lot;
  readonly dialect: Dialect<string>;
  readonly leaseUntil: number;
  /** The server's time, Unix ms. */
  readonly now: number;
}

/** Messages as they stand in the list of their lot; place, from 1, and deliveries of those that were delivered before. */
export function deliveries(
  entries: readonly unknown[],
  again: readonly unknown[],
  { topic, lot, dialect, leaseUntil, now }: Delivered,
): Incoming[] {
  const received = entries.map((entry, index) => {
    const native = text(entry);
    const decoded = dialect.decode(native, { topic });
    const receipt = new ListReceipt(lot, index + 1, decoded.id, decoded.headers, native);
    return incoming(decoded, 1, now, leaseUntil, receipt);
  });
  for (let at = 0; at < again.length; at += 2) {
    const index = integer(again[at]) - 1;
    const one = received[index];
    if (one !== undefined) {
      received[index] = { ...one, deliveries: one.deliveries - 1 + integer(again[at + 1]) };
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
