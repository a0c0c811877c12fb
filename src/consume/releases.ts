import type { Incoming } from '../transport/transport.ts';

/** A delivery, and the number of the attempt it is, where that is not the number of its deliveries. */
export type Numbered = Incoming & { readonly attempt?: number };

export function attemptOf({ attempt, deliveries }: Numbered): number {
  return attempt ?? deliveries;
}

/**
 * What this process has given back untried, or postponed. Some carriers count that as a delivery and some do not, which
 * shows when the message comes again.
 */
export interface ReleaseLog {
  add(delivery: Incoming): void;
  /** The number of the attempt this delivery would be: its deliveries, without those known to be none. */
  attempts(delivery: Incoming): number;
  forget(delivery: Incoming): void;
}

interface Releases {
  /** The count of deliveries at a release that has not come back yet; else infinite. */
  at: number;
  counted: number;
}

/** Bounded: the oldest message's releases are forgotten first, and count as attempts then. */
export function createReleaseLog(mostMessages = 10_000): ReleaseLog {
  const log = new Map<string, Releases>();

  /** How many of its deliveries were releases. */
  function countedOf({ id, deliveries }: Incoming): number {
    const releases = log.get(id);
    if (releases === undefined) return 0;
    // The first time it is seen again says whether the release was counted.
    if (deliveries > releases.at) releases.counted++;
    releases.at = Number.POSITIVE_INFINITY;
    return releases.counted;
  }

  return {
    add(delivery) {
      const { id, deliveries } = delivery;
      const counted = countedOf(delivery);
      log.delete(id);
      log.set(id, { at: deliveries, counted });
      if (log.size <= mostMessages) return;
      for (const oldest of log.keys()) {
        log.delete(oldest);
        return;
      }
    },
    attempts: (delivery) => Math.max(1, delivery.deliveries - countedOf(delivery)),
    forget({ id }) {
      log.delete(id);
    },
  };
}
