import type { ConsumerInfo } from '../transport.ts';

/** Who receives from one subscription. */
export interface Consumers {
  /** It has just done something; of one without a name nothing is kept. */
  saw(name: string | undefined): void;
  list(held: ReadonlyMap<string | undefined, number>): ConsumerInfo[];
}

/** One that holds nothing is forgotten when it was not seen for this long, in ms: a worker polls every few seconds. */
const FORGET_MS = 60_000;

export function createConsumers(now: () => number = Date.now): Consumers {
  const seen = new Map<string, { readonly since: number; lastSeen: number }>();
  return {
    saw(name) {
      if (name === undefined) return;
      const at = now();
      const known = seen.get(name);
      if (known !== undefined) known.lastSeen = at;
      else seen.set(name, { since: at, lastSeen: at });
    },
    list(held) {
      const forget = now() - FORGET_MS;
      for (const [name, { lastSeen }] of seen) {
        if (lastSeen < forget && !held.has(name)) seen.delete(name);
      }
      return [...seen].map(([name, times]) => ({ name, ...times, inFlight: held.get(name) ?? 0 }));
    },
  };
}
