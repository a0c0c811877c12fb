import { isSame } from '../judge/datasets.ts';
import { parseDataset } from '../registry/registry.ts';
import type { Announced, Claim, DeploymentRecord, LiveModel } from './record.ts';

/** The live champion, as a registry has it now. */
export interface Champion {
  readonly version: string;
  /** Of the announcement's metric, on its dataset; undefined where it cannot be compared. */
  readonly value?: number | undefined;
}

/** What becomes of an announcement at the door. */
export type Decision =
  | { readonly outcome: 'deploy' }
  | { readonly outcome: 'already_deployed' }
  | {
      readonly outcome: 'superseded';
      /** The version that is better or newer. */
      readonly by: string;
      /** One clause for a person. */
      readonly reason: string;
    }
  | {
      /** Another announcement is being deployed. */
      readonly outcome: 'wait';
      /** Until it is worth looking again. */
      readonly ms: number;
      readonly reason: string;
    }
  | {
      /** Another announcement, which is better or newer, may be live: find that out first. */
      readonly outcome: 'unresolved';
      readonly claim: Claim;
    };

export interface Circumstances {
  /** Unix time in ms. */
  readonly now: number;
  /** How long a claim holds, in ms. */
  readonly leaseMs: number;
  readonly champion?: Champion | undefined;
  /** An operator wants it deployed, whatever is live. */
  readonly isForced?: boolean;
}

/**
 * Decides whether an announcement may be deployed, by what was deployed last and what the registry says. A better
 * model is deployed whatever its number is, so that the outcome does not depend on the order in which messages arrive.
 * If two models cannot be compared, the newer one is deployed. Pure.
 */
export function decide(
  { live, claim }: DeploymentRecord,
  announced: Announced,
  { now, leaseMs, champion, isForced = false }: Circumstances,
): Decision {
  if (!isForced && live?.data.model_version === announced.data.model_version) {
    return { outcome: 'already_deployed' };
  }
  if (claim !== undefined && claim.id !== announced.id) {
    const waiting = waitFor(claim, now, leaseMs);
    if (waiting !== undefined) return waiting;
  }
  if (isForced) return { outcome: 'deploy' };
  return (
    behindChampion(announced, champion) ??
    behindLive(announced, live, champion) ??
    behindUnresolved(announced, claim, champion) ?? { outcome: 'deploy' }
  );
}

/** The least wait, in ms: most deployments are done by then. */
const LEAST_WAIT_MS = 1_000;

/** Undefined once its lease is over. Waits double, so that they are few. */
function waitFor({ data, from, until }: Claim, now: number, leaseMs: number): Decision | undefined {
  // If the clocks of two machines differ, a claim does not hold longer than its lease is.
  const left = Math.min(until - now, leaseMs);
  if (left <= 0) return undefined;
  const ms = Math.min(left, Math.max(LEAST_WAIT_MS, now - from));
  return { outcome: 'wait', ms, reason: `version ${data.model_version} is being deployed` };
}

function behindChampion({ data }: Announced, champion: Champion | undefined): Decision | undefined {
  if (champion?.value === undefined || champion.version === data.model_version) return undefined;
  if (isBetter(data.metric_direction, data.current_value, champion.value)) return undefined;
  return notBetter(data, champion.value, champion.version, 'which is the champion');
}

function behindLive(
  announced: Announced,
  live: LiveModel | undefined,
  champion: Champion | undefined,
): Decision | undefined {
  if (live === undefined) return undefined;
  const { data } = announced;
  const by = live.data.model_version;
  if (live.forced && Date.parse(announced.time) <= Date.parse(live.at)) {
    const reason = `${live.forced.by} deployed version ${by} after it was announced (${live.forced.reason})`;
    return { outcome: 'superseded', by, reason };
  }
  if (!isComparable(data, live.data)) {
    if (isNewer(announced, live)) return undefined;
    const reason = `version ${by}, which is deployed, is newer, and the two cannot be compared`;
    return { outcome: 'superseded', by, reason };
  }
  const value = (champion?.version === by ? champion.value : undefined) ?? live.data.current_value;
  return isBetter(data.metric_direction, data.current_value, value)
    ? undefined
    : notBetter(data, value, by, 'which is deployed');
}

/**
 * A claim whose lease ended without a word: whoever had it died, or the platform did not answer. Its model may be live,
 * so nothing worse may be deployed after it.
 */
function behindUnresolved(
  announced: Announced,
  claim: Claim | undefined,
  champion: Champion | undefined,
): Decision | undefined {
  if (claim === undefined || claim.id === announced.id) return undefined;
  const perhapsLive = { ...claim, at: new Date(claim.from).toISOString() };
  const isSameVersion = claim.data.model_version === announced.data.model_version;
  const isBehind = isSameVersion || behindLive(announced, perhapsLive, champion) !== undefined;
  return isBehind ? { outcome: 'unresolved', claim } : undefined;
}

function notBetter(data: Announced['data'], value: number, by: string, what: string): Decision {
  const { metric_name, metric_direction, current_value } = data;
  const reason = `its ${metric_name} of ${current_value} is not better than the ${value} of version ${by}, ${what} (${metric_direction} is better)`;
  return { outcome: 'superseded', by, reason };
}

function isBetter(direction: 'higher' | 'lower', value: number, than: number): boolean {
  return direction === 'higher' ? value > than : value < than;
}

function isComparable(one: Announced['data'], other: Announced['data']): boolean {
  return (
    one.metric_name === other.metric_name &&
    one.metric_direction === other.metric_direction &&
    isSame(parseDataset(one.dataset), parseDataset(other.dataset))
  );
}

const WHOLE = /^\d+$/;

/** By the number of the version; by when they were announced where versions are no numbers. */
function isNewer(one: Announced, other: Announced): boolean {
  const { model_version: version } = one.data;
  const { model_version: otherVersion } = other.data;
  if (WHOLE.test(version) && WHOLE.test(otherVersion)) return BigInt(version) > BigInt(otherVersion);
  const later = Date.parse(one.time) - Date.parse(other.time);
  return later === 0 ? one.id > other.id : later > 0;
}
