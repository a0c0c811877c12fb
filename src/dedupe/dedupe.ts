/**
 * Remembers what has been done. Whoever wants an effect only once claims its key, has the effect, and completes
 * the claim. A claim has a lease: one whose owner died is taken over after it. All methods reject with a
 * TransportError when the store cannot be reached. All times are durations in ms.
 */
export interface DedupeStore {
  /** Takes the key, unless it is done, or somebody else is at it. */
  claim(key: string, options: ClaimOptions): Promise<ClaimOutcome>;
  /** The effect is there: `done` from now on, for the claim's `ttlMs`. False when the claim has been taken over. */
  complete(claim: Claim): Promise<boolean>;
  /** There was no effect: the key is free again. False when the claim has been taken over. */
  abandon(claim: Claim): Promise<boolean>;
}

export interface ClaimOptions {
  /** How long it is remembered that the key is done. */
  readonly ttlMs: number;
  /** How long others leave the key to this claim. */
  readonly leaseMs: number;
}

export type ClaimOutcome = 'done' | Busy | Claim;

/** Somebody else is at it, and has this long before others may take over. */
export interface Busy {
  readonly status: 'busy';
  readonly forMs: number;
}

export interface Claim {
  readonly status: 'claimed';
  readonly key: string;
  /**
   * Of one key, a later claim has a higher token. Handed on with an effect, it lets the place where the effect
   * happens refuse one that comes late (a fencing token).
   */
  readonly token: number;
  readonly ttlMs: number;
}
