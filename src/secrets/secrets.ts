/** Secrets that may be rotated while the program runs. */
export interface Secrets {
  /** All that count now, the newest first; at least one. Throws {@link SecretUnavailable}. */
  current(): Promise<readonly string[]>;
  /**
   * Fetches them again, because none of those known fitted. Undefined where that makes no sense: they cannot
   * change, or were fetched within the last minute.
   */
  renewed(): Promise<readonly string[] | undefined>;
  /** When those known were asked for: Unix time in ms. Absent where they cannot change. */
  fetchedAt?(): Promise<number | undefined>;
}

/** A secret could not be had; it may be there later. Neither message nor cause says what it holds. */
export class SecretUnavailable extends Error {
  override readonly name = 'SecretUnavailable';
}

/** Secrets that stay what they are for as long as the program runs. */
export function fixedSecrets(secrets: readonly string[]): Secrets {
  return { current: async () => secrets, renewed: async () => undefined };
}

/** For so long nothing is fetched again, whatever does not fit: who sends nonsense must not cause requests. */
const AT_REST_MS = 60_000;
/** After this long one that was taken back no longer counts. */
const LONGEST_KNOWN_MS = 300_000;

/**
 * Secrets that are fetched when first needed, and then now and again. One that is known keeps counting while it
 * cannot be fetched.
 *
 * @param fetchSecrets Throws {@link SecretUnavailable}.
 * @param now In ms.
 */
export function fetchedSecrets(
  fetchSecrets: () => Promise<readonly string[]>,
  now: () => number = Date.now,
): Secrets {
  let known: readonly string[] | undefined;
  let knownSince = -Infinity;
  let askedAt = -Infinity;
  let asking: Promise<readonly string[]> | undefined;

  function ask(): Promise<readonly string[]> {
    asking ??= (async () => {
      askedAt = now();
      try {
        known = await fetchSecrets();
        knownSince = askedAt;
        return known;
      } finally {
        asking = undefined;
      }
    })();
    return asking;
  }

  /** How long ago, in ms. After a clock was put back nobody knows: then it is as old as it was put back by. */
  const since = (at: number): number => Math.abs(now() - at);
  const mayAsk = (): boolean => asking !== undefined || since(askedAt) >= AT_REST_MS;

  return {
    async current() {
      if (known === undefined) return ask();
      if (since(knownSince) < LONGEST_KNOWN_MS || !mayAsk()) return known;
      const before = known;
      return ask().catch(() => before);
    },
    async renewed() {
      return mayAsk() ? ask() : undefined;
    },
    fetchedAt: async () => knownSince,
  };
}
