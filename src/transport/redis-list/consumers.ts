import type { Connection } from '../redis/connection.ts';
import { readOwner } from '../redis/owners.ts';
import { integer, list, text } from '../redis/replies.ts';
import type { ConsumerInfo } from '../transport.ts';
import type { Queue } from './directory.ts';
import { withQueues } from './queues.ts';
import { CONSUMERS } from './scripts/operate.ts';

/** Who consumes, in all processes. Those that do not name themselves are left out. */
export async function listConsumers(connection: Connection, queue: Queue): Promise<ConsumerInfo[]> {
  const { queue: main, leases, lots, consumers } = queue.keys;
  const reply = await withQueues(connection, [queue], () =>
    connection.run(CONSUMERS, [main, leases, lots, consumers], []),
  );
  const [seen, held] = list(reply);
  const inFlight = new Map<string, number>();
  for (const [owner, count] of pairs(list(held))) inFlight.set(text(owner), integer(count));
  const found = new Map<string, ConsumerInfo>();
  for (const [owner, seenAt] of pairs(list(seen))) {
    const one = readOwner(text(owner));
    if (one === undefined) continue;
    const { name, since } = one;
    const lastSeen = integer(seenAt);
    const known = found.get(name) ?? { name, since, lastSeen: since, inFlight: 0 };
    found.set(name, {
      name,
      since: Math.min(known.since, since),
      // Its clock may be ahead of the server's.
      lastSeen: Math.max(known.lastSeen, lastSeen),
      inFlight: known.inFlight + (inFlight.get(text(owner)) ?? 0),
    });
  }
  return [...found.values()];
}

function* pairs(flat: readonly unknown[]): Generator<readonly [unknown, unknown]> {
  for (let index = 0; index + 1 < flat.length; index += 2) yield [flat[index], flat[index + 1]];
}
