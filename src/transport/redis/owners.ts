/** Who receives, as the server knows it. Its consumer is called `<owner>.<lease in ms>`. */
export interface Owner {
  readonly name: string;
  /** Unix time in ms, by the clock of the consumer's own process. */
  readonly since: number;
}

/** Gives consumers of one subscription the names under which they own deliveries. */
export interface Owners {
  /** `<name>@<since>`; of one that does not name itself, what this transport is called. */
  ownerOf(consumer: string | undefined): string;
}

/** @param forgetMs One that has not received for so long is forgotten, and new when it comes back. */
export function createOwners(instance: string, forgetMs: number, now: () => number = Date.now): Owners {
  /** Those seen last are at the end. */
  const known = new Map<string, { readonly owner: string; readonly seenAt: number }>();

  return {
    ownerOf(consumer) {
      if (consumer === undefined) return instance;
      const seenAt = now();
      for (const [other, { seenAt: at }] of known) {
        if (at >= seenAt - forgetMs) break;
        known.delete(other);
      }
      const owner = known.get(consumer)?.owner ?? `${consumer}@${seenAt}`;
      known.delete(consumer);
      known.set(consumer, { owner, seenAt });
      return owner;
    },
  };
}

/** Reads it back. Undefined for one that has not named itself, and for other programs. */
export function readOwner(owner: string): Owner | undefined {
  const [, name, since] = /^(.*)@(\d{1,15})$/s.exec(owner) ?? [];
  return name === undefined ? undefined : { name, since: Number(since) };
}
