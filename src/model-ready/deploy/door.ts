import { pause } from '../../time/backoff.ts';
import { openOnce } from '../../transport/open-once.ts';
import type { ClaimStore } from './claims/store.ts';
import { type Champion, type Decision, decide } from './decide.ts';
import {
  type Announced,
  type Claim,
  type DeploymentRecord,
  type Forced,
  noDeployments,
  parseRecord,
  withClaimEnded,
  withClaimLive,
  withoutClaim,
} from './record.ts';

/** Another one has taken over meanwhile, or took what was claimed for given up: trying again decides anew. */
export class ClaimLost extends Error {
  override readonly name = 'ClaimLost';
}

/** The right to deploy one model, for a while and alone. */
export interface Entry {
  /** Higher than that of every claim on this model before. */
  readonly sequence: number;
  /** When the right ends, by `performance.now()`. */
  readonly until: number;
  /** An earlier request for the same message was not answered, or its answer was lost: it may be live. */
  readonly isUnsure: boolean;
  /** The model is live. Throws {@link ClaimLost}, TransportError. */
  deployed(at: string): Promise<void>;
  /** It was not deployed: what was live before still is. */
  release(): Promise<void>;
  /** It may be live. The claim says so from now on, and a better model need not wait. */
  leave(): Promise<void>;
}

export type Answer =
  | { readonly outcome: 'deploy'; readonly entry: Entry }
  | Exclude<Decision, { outcome: 'deploy' }>;

export interface Door {
  /**
   * Claims a model for an announcement, unless it may not be deployed. Waits a second for another deployment of the model.
   * Rejects with a TransportError, or with what asking for the champion rejects with.
   */
  enter(announced: Announced, options?: EnterOptions): Promise<Answer>;
  /** Claims the model for the message of a claim that ended without a word; undefined if others have meanwhile. */
  takeOver(claim: Claim): Promise<Entry | undefined>;
  /** What is known of a model's deployments. */
  record(model: string): Promise<DeploymentRecord>;
  close(): void;
}

export interface EnterOptions {
  /** Deploys it whatever is live. */
  readonly forced?: Forced | undefined;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

export interface DoorOptions {
  readonly store: ClaimStore;
  /** How long a claim holds, in ms: longer than a deployment may take. */
  readonly leaseMs: number;
  /** The live champion now. Default: no registry is asked. */
  readonly champion?: ((announced: Announced) => Promise<Champion | undefined>) | undefined;
}

/** Most deployments are over within that time: a message that is postponed comes later, and costs the carrier more. */
const PATIENCE_MS = 1_000;
const LOOK_EVERY_MS = 50;

/** Of two announcements of one model only one is deployed at a time, and each is compared with the one before. */
export function createDoor({ store, leaseMs, champion }: DoorOptions): Door {
  async function read(model: string): Promise<Read> {
    const stored = await store.read(model);
    const record = stored === undefined ? noDeployments(model) : parseRecord(stored.text);
    return { record, revision: stored?.revision };
  }

  /** Changes the record until nobody else has meanwhile; undefined leaves it. */
  async function change(
    model: string,
    next: (record: DeploymentRecord) => DeploymentRecord | undefined,
  ): Promise<boolean> {
    for (;;) {
      const { record, revision } = await read(model);
      const changed = next(record);
      if (changed === undefined) return false;
      if (await store.write(model, JSON.stringify(changed), revision)) return true;
    }
  }

  function entryOf(model: string, { token, sequence, isUnsure }: Claim, until: number): Entry {
    const ifOurs =
      (next: (record: DeploymentRecord) => DeploymentRecord) =>
      (record: DeploymentRecord): DeploymentRecord | undefined =>
        record.claim?.token === token ? next(record) : undefined;
    return {
      sequence,
      until,
      isUnsure,
      async deployed(at) {
        if (
          await change(
            model,
            ifOurs((record) => withClaimLive(record, at)),
          )
        )
          return;
        throw new ClaimLost('it took so long that another deployment of this model began');
      },
      async release() {
        await change(model, ifOurs(withoutClaim));
      },
      async leave() {
        await change(
          model,
          ifOurs((record) => withClaimEnded(record, Date.now())),
        );
      },
    };
  }

  /** Undefined if others have written meanwhile. */
  async function claimFor(
    { id, time, data }: Announced,
    { record, revision }: Read,
    forced: Forced | undefined,
  ): Promise<Entry | undefined> {
    const { model_name: model } = data;
    const now = Date.now();
    // Taken before the claim is written: it ends here no later than for others.
    const until = performance.now() + leaseMs;
    const claim: Claim = {
      id,
      time,
      data,
      ...(forced && { forced }),
      token: crypto.randomUUID(),
      // By the clock, so that it rises even if the store was lost or is another one.
      sequence: Math.max(record.sequence + 1, now),
      from: now,
      until: now + leaseMs,
      isUnsure: record.claim?.id === id,
      over: overtaken(record.claim, id),
    };
    const claimed = JSON.stringify({ ...record, sequence: claim.sequence, claim });
    return (await store.write(model, claimed, revision)) ? entryOf(model, claim, until) : undefined;
  }

  return {
    record: async (model) => (await read(model)).record,
    close: () => store.close(),

    async takeOver(claim) {
      const found = await read(claim.data.model_name);
      if (found.record.claim?.token !== claim.token) return undefined;
      return claimFor(claim, found, claim.forced);
    },

    async enter(announced, { forced, signal } = {}) {
      const isForced = forced !== undefined;
      // Asked once, and only if its answer matters: for what is live or waits, a registry may be away.
      const askOnce = openOnce(async () => (isForced ? undefined : champion?.(announced)));
      const patientUntil = performance.now() + PATIENCE_MS;
      for (;;) {
        const found = await read(announced.data.model_name);
        const at = { now: Date.now(), leaseMs, isForced };
        const first = decide(found.record, announced, at);
        if (first.outcome === 'wait' && performance.now() < patientUntil && !signal?.aborted) {
          await pause(LOOK_EVERY_MS, signal);
          continue;
        }
        if (first.outcome === 'wait' || first.outcome === 'already_deployed') return first;
        const decision = decide(found.record, announced, { ...at, champion: await askOnce() });
        if (decision.outcome !== 'deploy') return decision;
        const entry = await claimFor(announced, found, forced);
        if (entry !== undefined) return { outcome: 'deploy', entry };
      }
    },
  };
}

/** A record, and the revision that it was read at. */
interface Read {
  readonly record: DeploymentRecord;
  readonly revision: string | undefined;
}

/** What a claim for a message takes over from: the claim that is there, or what its own earlier one took over from. */
function overtaken(claim: Claim | undefined, id: string): Claim['over'] {
  if (claim === undefined) return undefined;
  const { over, ...itself } = claim;
  return claim.id === id ? over : itself;
}
