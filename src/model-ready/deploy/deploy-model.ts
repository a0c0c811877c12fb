import type { ModelReadyToDeploy } from '../contract.ts';
import { emitModelEvent } from '../events.ts';
import type { Decision } from './decide.ts';
import { type Announcement, type DeployTarget, requestDeployment } from './deploy-request.ts';
import type { Door, Entry } from './door.ts';
import type { Forced } from './record.ts';

/** A model that was deployed. */
export interface Deployment {
  /** The message's id. The same deployment may be recorded twice: messages come at least once. */
  readonly id: string;
  /** When: RFC 3339, UTC. */
  readonly at: string;
  readonly model: ModelReadyToDeploy;
}

/** What became of an announcement. */
export type Outcome = { readonly outcome: 'deployed' } | Exclude<Decision, { outcome: 'deploy' }>;

/**
 * Deploys what is announced, or says why not, and tells it as an event. Rejects with Reject, RetryAfter, DeployFailed,
 * ClaimLost, RegistryError or TransportError; the model is not claimed any more then.
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
    let at: string;
    try {
      const reason = await post(announcement, entry, signal);
      if (reason !== undefined) {
        await entry.release();
        return { outcome: 'superseded', by: 'platform', reason };
      }
      at = new Date().toISOString();
      await record({ id, at, model });
    } catch (error) {
      // If that fails too, others wait until the lease is over.
      await entry.release().catch(() => undefined);
      throw error;
    }
    await entry.deployed(at);
    return { outcome: 'deployed' };
  }

  return async (announcement, { signal, forced }) => {
    const { id, time, data } = announcement;
    const door = await openDoor();
    const answer = await door.enter({ id, time, data }, { forced, signal });
    const done = answer.outcome === 'deploy' ? await deployUnder(answer.entry, announcement, signal) : answer;
    tell(announcement, done);
    return done;
  };
}

function tell({ id, data: { model_name, model_version } }: Announcement, done: Outcome): void {
  const about = { id, model_name, model_version };
  if (done.outcome === 'superseded') {
    emitModelEvent({ event: 'superseded', ...about, by: done.by, reason: done.reason });
  } else if (done.outcome !== 'wait') {
    emitModelEvent({ event: done.outcome, ...about });
  }
}
