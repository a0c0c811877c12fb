import type { Connection } from '../redis/connection.ts';
import { readOwner } from '../redis/owners.ts';
import { integer, list, text } from '../redis/replies.ts';
import type { ConsumerInfo } from '../transport.ts';
import type { SubscriptionPlace, TopicPlace } from './directory.ts';
import { withGroups } from './groups.ts';
import { CONSUMERS } from './scripts/consumers.ts';

/** Held messages that one script looks at. */
const PAGE = 500;

/**
 * Who consumes, in all processes: what they own of the stream, and what they hold of what is kept apart. Those that do
 * not name themselves are left out.
 */
export async function listConsumers(
  connection: Connection,
  topic: TopicPlace,
  { name: group, keys }: SubscriptionPlace,
): Promise<ConsumerInfo[]> {
  const found = new Map<string, ConsumerInfo>();
  function add(owner: string, inFlight: number, seenAt: number): void {
    const one = readOwner(owner);
    if (one === undefined) return;
    const { name, since } = one;
    const known = found.get(name) ?? { name, since, lastSeen: since, inFlight: 0 };
    found.set(name, {
      name,
      since: Math.min(known.since, since),
      // Its clock may be ahead of the server's.
      lastSeen: Math.max(known.lastSeen, seenAt),
      inFlight: known.inFlight + inFlight,
    });
  }

  for (let offset = 0; ; offset += PAGE) {
    const reply = await withGroups(connection, topic, () =>
      connection.run(CONSUMERS, [keys.stream, keys.leased, keys.states, keys.lots], [group, offset, PAGE]),
    );
    const [consumers, held, count] = list(reply);
    for (const consumer of list(consumers)) {
      const [name, owned, seenAt] = list(consumer);
      // Its name ends in the length of its lease.
      add(text(name).replace(/\.\d+$/, ''), integer(owned), integer(seenAt));
    }
    for (const owned of list(held)) {
      const [owner, inFlight, seenAt] = list(owned);
      add(text(owner), integer(inFlight), integer(seenAt));
    }
    if (integer(count) < PAGE) return [...found.values()];
  }
}
