import { pause } from '../../time/backoff.ts';
import type { ClaimStore } from './claims/store.ts';
import { type Champion, type Decision, decide } from './decide.ts';
import {
  type Announced,
  type DeploymentRecord,
  type Forced,
  noDeployments,
  parseRecord,
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
  /** The model is live. Throws {@link ClaimLost}, TransportError. */
  deployed(at: string): Promise<void>;
  /** It was not deployed: what was live before still is. */
  release(): Promise<void>;
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
  /** What is known of a model's deployments. */
  record(model: string): Promise<DeploymentRecord>;
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
  async function read(model: string) {
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

  function entryOf(model: string, token: string, sequence: number, until: number): Entry {
    const ifOurs =
      (next: (record: DeploymentRecord) => DeploymentRecord) =>
      (record: DeploymentRecord): DeploymentRecord | undefined =>
        record.claim?.token === token ? next(record) : undefined;
    return {
      sequence,
      until,
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
    };
  }

  return {
    record: async (model) => (await read(model)).record,

    async enter(announced, { forced, signal } = {}) {
      const { model_name: model } = announced.data;
      const isForced = forced !== undefined;
      const registered = isForced ? undefined : await champion?.(announced);
      const token = crypto.randomUUID();
      const patientUntil = performance.now() + PATIENCE_MS;
      for (;;) {
        const { record, revision } = await read(model);
        const now = Date.now();
        // Taken before the claim is written: it ends here no later than for others.
        const until = performance.now() + leaseMs;
        const decision = decide(record, announced, { now, leaseMs, champion: registered, isForced });
        if (decision.outcome === 'wait' && performance.now() < patientUntil && !signal?.aborted) {
          await pause(LOOK_EVERY_MS, signal);
          continue;
        }
        if (decision.outcome !== 'deploy') return decision;
        const sequence = record.sequence + 1;
        const { id, time, data } = announced;
        const claim = {
          id,
          time,
          data,
          ...(forced && { forced }),
          token,
          sequence,
          from: now,
          until: now + leaseMs,
        };
        const claimed = JSON.stringify({ ...record, sequence, claim });
        if (await store.write(model, claimed, revision)) {
          return { outcome: 'deploy', entry: entryOf(model, token, sequence, until) };
        }
      }
    },
  };
}
