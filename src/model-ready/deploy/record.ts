import * as z from 'zod/mini';
import { TransportError } from '../../transport/errors.ts';
import { modelReadyToDeploySchema } from '../contract.ts';

const announcedFields = {
  /** The message's id. */
  id: z.string(),
  /** When it was announced: RFC 3339. */
  time: z.string(),
  data: modelReadyToDeploySchema,
};

/** Who deployed it whatever the rules say, and why. */
const forced = z.object({ by: z.string(), reason: z.string() });

const claimFields = {
  ...announcedFields,
  forced: z.optional(forced),
  /** Of whoever claimed it, and nobody else. */
  token: z.string(),
  sequence: z.number(),
  /** Unix times in ms, by the clock of whoever claimed it. */
  from: z.number(),
  until: z.number(),
  /** The same message was claimed for before, and nobody knows what the platform did: it may be live. */
  isUnsure: z.boolean(),
};

const claim = z.object({
  ...claimFields,
  /** The claim that this one took over from. Its model may be live, if this one's is not. */
  over: z.optional(z.object(claimFields)),
});

const live = z.object({
  ...announcedFields,
  forced: z.optional(forced),
  sequence: z.number(),
  /** When it was deployed: RFC 3339, UTC. */
  at: z.string(),
});

const record = z.object({
  model_name: z.string(),
  /** Rises with every claim. */
  sequence: z.number(),
  /** What is being deployed. It becomes what is live, or is taken back. */
  claim: z.optional(claim),
  /** What was deployed last. */
  live: z.optional(live),
  /** What was live before, the latest first, each version once. */
  before: z.array(live),
});

/** What is known of the deployments of one model. */
export type DeploymentRecord = z.output<typeof record>;
export type Claim = z.output<typeof claim>;
export type LiveModel = z.output<typeof live>;
export type Forced = z.output<typeof forced>;
/** An announcement, as it is claimed for. */
export type Announced = Pick<Claim, 'id' | 'time' | 'data'>;

/** So many are kept to go back to. */
const MOST_BEFORE = 5;

/** The announcement of a version that is live, was live before, or is being deployed. */
export function announcementIn(
  { live: now, before, claim: coming }: DeploymentRecord,
  version: string,
): Announced | undefined {
  return [now, ...before, coming].find((one) => one?.data.model_version === version);
}

export function noDeployments(model_name: string): DeploymentRecord {
  return { model_name, sequence: 0, before: [] };
}

/** Throws TransportError `Invalid` for what is no record. */
export function parseRecord(text: string): DeploymentRecord {
  try {
    return z.parse(record, JSON.parse(text));
  } catch (cause) {
    throw new TransportError(
      'Invalid',
      'what is stored of the last deployment is no record of ours: remove it, or name another place in DEPLOYED_URL',
      { cause },
    );
  }
}

/** The record once what is claimed has been deployed. */
export function withClaimLive({ claim: done, ...rest }: DeploymentRecord, at: string): DeploymentRecord {
  if (done === undefined) return rest;
  const { token: _, from: __, until: ___, isUnsure: ____, over: _____, ...announced } = done;
  const { model_version } = announced.data;
  const before = [...(rest.live ? [rest.live] : []), ...rest.before].filter(
    ({ data }) => data.model_version !== model_version,
  );
  return { ...rest, live: { ...announced, at }, before: before.slice(0, MOST_BEFORE) };
}

/** The record once nobody is at work for a claim, and its model may be live. */
export function withClaimEnded(record: DeploymentRecord, now: number): DeploymentRecord {
  const { claim: ended } = record;
  return ended === undefined ? record : { ...record, claim: { ...ended, until: Math.min(ended.until, now) } };
}

/** The record once a claim has been taken back: as it was before. */
export function withoutClaim({ claim: done, ...rest }: DeploymentRecord): DeploymentRecord {
  return done?.over === undefined ? rest : { ...rest, claim: done.over };
}
