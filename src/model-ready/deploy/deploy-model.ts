import { Reject } from '../../consume/handler.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { emitModelEvent } from '../events.ts';
import type { Decision } from './decide.ts';
import { type Announcement, DeployFailed, type DeployTarget, requestDeployment } from './deploy-request.ts';
import type { Door, Entry } from './door.ts';
import type { Claim, Forced } from './record.ts';

/** A model that was deployed. */
export interface Deployment {
  /** The message's id. The same deployment may be recorded twice: messages come at least once. */
  readonly id: string;
  /** When: RFC 3339, UTC. */
  readonly at: string;
  readonly model: ModelReadyToDeploy;
}

/** What became of an announcement. */
export type Outcome =
  | { readonly outcome: 'deployed' }
  | Exclude<Decision, { outcome: 'deploy' } | { outcome: 'unresolved' }>;

/**
 * Deploys what is announced, or says why not, and tells it as an event. Rejects with Reject, Postpone, RetryAfter,
 * DeployFailed, ClaimLost, RegistryError or TransportError. The model is not claimed any more then, unless it may be live
 * all the same: then the claim stays, so that nothing worse is deployed until that is known.
 */
export type Deploy = (announcement: Announcement, options: DeployCall) => Promise<Outcome>;

export interface DeployCall {
  readonly signal: AbortSignal;
  /** Deploys it whatever is live. */
  readonly forced?: Forced | undefined;
}

export interface DeployParts {
  readonly platform?: DeployTarget | undefined;
  /** Opens what models are claimed at, with the first message. */
  readonly openDoor: () => Promise<Door>;
  /** Called once a model is deployed. What it throws is retried, and the request with it. */
  readonly record: (deployment: Deployment) => Promise<void> | void;
}

export function createDeploy({ platform, openDoor, record }: DeployParts): Deploy {
  /** Why the platform does not take it; undefined if it does. */
  async function post(
    announcement: Announcement,
    { sequence, until }: Entry,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (platform === undefined) return undefined;
    const answer = await requestDeployment(platform, announcement, { sequence, until, signal });
    return answer.taken ? undefined : answer.reason;
  }

  async function deployUnder(
    entry: Entry,
    announcement: Announcement,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { id, data: model } = announcement;
    let reason: string | undefined;
    try {
      reason = await post(announcement, entry, signal);
    } catch (error) {
      // If that fails too, others wait until the lease is over.
      await (mayBeLive(entry, error) ? entry.leave() : entry.release()).catch(() => undefined);
      throw error;
    }
    if (reason !== undefined) {
      await entry.release();
      return { outcome: 'superseded', by: 'platform', reason };
    }
    const at = new Date().toISOString();
    try {
      await record({ id, at, model });
      await entry.deployed(at);
    } catch (error) {
      await entry.leave().catch(() => undefined);
      throw error;
    }
    return { outcome: 'deployed' };
  }

  /** Asks again for a model that may be live, under the id of its message: a platform that has taken it only says so. */
  async function resolve(door: Door, claim: Claim, signal: AbortSignal): Promise<void> {
    const entry = await door.takeOver(claim);
    if (entry === undefined) return;
    const { id, time, data } = claim;
    const announcement = { type: modelReadyToDeploy.name, id, time, data };
    try {
      tell(announcement, await deployUnder(entry, announcement, signal), claim.forced);
    } catch (error) {
      // Its own message will be told so. It is not live.
      if (!(error instanceof Reject)) throw error;
    }
  }

  return async (announcement, { signal, forced }) => {
    const { id, time, data } = announcement;
    const door = await openDoor();
    for (;;) {
      const answer = await door.enter({ id, time, data }, { forced, signal });
      if (answer.outcome === 'unresolved') {
        await resolve(door, answer.claim, signal);
        continue;
      }
      const done =
        answer.outcome === 'deploy' ? await deployUnder(answer.entry, announcement, signal) : answer;
      tell(announcement, done, forced);
      return done;
    }
  };
}

/** Whether a model may be live whose deployment failed so. */
function mayBeLive({ isUnsure }: Entry, error: unknown): boolean {
  if (error instanceof Reject) return false;
  // Whatever this answer says, it is not about the request before.
  return isUnsure || (error instanceof DeployFailed && error.mayBeLive);
}

function tell(
  { id, data: { model_name, model_version } }: Announcement,
  done: Outcome,
  forced: Forced | undefined,
): void {
  const about = { id, model_name, model_version };
  if (forced && done.outcome === 'deployed') emitModelEvent({ event: 'forced', ...about, ...forced });
  if (done.outcome === 'superseded') {
    emitModelEvent({ event: 'superseded', ...about, by: done.by, reason: done.reason });
  } else if (done.outcome !== 'wait') {
    emitModelEvent({ event: done.outcome, ...about });
  }
}
