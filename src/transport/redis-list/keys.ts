import { InvalidTransportUrl } from '../schemes.ts';
import type { Address, Topology } from '../transport.ts';

/** The keys of a subscription. All are named after its queue, so that one hash tag there is in all of them. */
export interface QueueKeys {
  /** List: what is ready. Pushed to the left, taken from the right. */
  readonly queue: string;
  /** List: what other programs have in flight, put there from the left; and what a blocking move brings. */
  readonly processing: string;
  /** List: dead letters, the newest at the left. */
  readonly dead: string;
  /** Sorted set: entries that are delayed, by when they are ready. */
  readonly delayed: string;
  /** Sorted set: lots, by when their lease ends. */
  readonly leases: string;
  /**
   * Hash: what is known of lots, of what was taken together under one lease. Its field `#` is there from provisioning. The entries of
   * each stand in a list whose name begins with this one.
   */
  readonly lots: string;
  /** Hash: how often an entry was delivered that stands in the queue again. */
  readonly returned: string;
  /** Sorted set: who consumes, by when it was last seen. */
  readonly consumers: string;
  /** Sorted set: dead letters that somebody looks at, by until when. */
  readonly shown: string;
  /** There while somebody has just looked for what others left in the processing list. */
  readonly swept: string;
}

/** The list of a lot, whose id begins with `token`. */
export function listOf({ lots }: QueueKeys, token: string): string {
  return `${lots}:${token}`;
}

/** Lists that have names of their own: those of a system that is not ours. */
export interface QueueNames {
  readonly queue: string;
  /** `<queue>:processing` unless given. */
  readonly processing?: string;
  /** `<queue>:dlq` unless given. */
  readonly dlq?: string;
}

/** `<prefix>:{<topic>}:<subscription>:queue`, and `…:queue:…`. */
export function queueKeys(prefix: string, { topic, subscription }: Address): QueueKeys {
  return besides({ queue: `${prefix}:{${topic}}:${subscription}:queue` });
}

/**
 * The keys of the only subscription of a topology, under names of their own.
 *
 * @throws InvalidTransportUrl where there are several subscriptions, or a name is given twice.
 */
export function namedKeys(names: QueueNames, { topics }: Topology): QueueKeys {
  const all = topics.flatMap(({ name, subscriptions }) => subscriptions.map((one) => `${name}/${one.name}`));
  if (all.length > 1) {
    throw new InvalidTransportUrl(
      `queue=${names.queue} names one list, and each of ${all.join(', ')} needs one of its own: give a config with that subscription alone, or leave queue away`,
    );
  }
  const keys = besides(names);
  const { length } = Object.keys(keys);
  if (new Set(Object.values(keys)).size < length) {
    throw new InvalidTransportUrl(
      `queue, processing and dlq are ${keys.queue}, ${keys.processing} and ${keys.dead}: expected three names that differ, also from ${keys.queue}:lots and the like`,
    );
  }
  return keys;
}

function besides({ queue, processing, dlq }: QueueNames): QueueKeys {
  return {
    queue,
    processing: processing ?? `${queue}:processing`,
    dead: dlq ?? `${queue}:dlq`,
    delayed: `${queue}:delayed`,
    leases: `${queue}:leases`,
    lots: `${queue}:lots`,
    returned: `${queue}:returned`,
    consumers: `${queue}:consumers`,
    shown: `${queue}:dlq-shown`,
    swept: `${queue}:swept`,
  };
}
