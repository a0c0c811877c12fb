import { Webhook } from 'standardwebhooks';
import { Postpone, Reject, RetryAfter } from '../../consume/handler.ts';
import type { Envelope } from '../../message/envelope.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { ModelReadyToDeploy } from '../contract.ts';

/** The platform did not take the model this time; trying again may help. */
export class DeployFailed extends Error {
  override readonly name = 'DeployFailed';
  /** It was asked and did not answer, so it may have taken the model all the same. */
  readonly mayBeLive: boolean;
  constructor(message: string, options: { cause?: unknown; mayBeLive?: boolean } = {}) {
    super(message, options);
    this.mayBeLive = options.mayBeLive ?? false;
  }
}

/** What is posted of a message. */
export type Announcement = Pick<Envelope<ModelReadyToDeploy>, 'id' | 'type' | 'time' | 'data'>;

/** What a platform said. */
export type PlatformAnswer =
  | { readonly taken: true }
  /** It has a newer deployment of the model. */
  | { readonly taken: false; readonly reason: string };

/** Where deployments are posted, and how. */
export interface DeployTarget {
  readonly url: URL;
  readonly secrets: Secrets;
  readonly timeoutMs: number;
}

/** What a request is sent under: its place in the order of a model's deployments, and when it must not be sent any more. */
export interface RequestTerms {
  readonly sequence: number;
  /** By `performance.now()`. */
  readonly until: number;
  readonly signal: AbortSignal;
}

/**
 * Asks a platform to deploy a model, again with a newer secret where the one that was known does not fit.
 *
 * @throws Reject, Postpone, RetryAfter, DeployFailed
 */
export async function requestDeployment(
  target: DeployTarget,
  message: Announcement,
  terms: RequestTerms,
): Promise<PlatformAnswer> {
  if (!SENDABLE_ID.test(message.id)) {
    throw new Reject('its id cannot be sent as a header: expected printable ASCII');
  }
  const [known = ''] = await target.secrets.current();
  const response = await ask(target, message, known, terms);
  const renewed = UNSIGNED.has(response.status) ? await target.secrets.renewed() : undefined;
  const [newest = known] = renewed ?? [];
  return readAnswer(target.url.host, newest === known ? response : await ask(target, message, newest, terms));
}

async function ask(
  { url, timeoutMs }: DeployTarget,
  { id, type, time, data }: Announcement,
  secret: string,
  { sequence, until, signal }: RequestTerms,
): Promise<Response> {
  const left = Math.floor(until - performance.now());
  if (left <= 0) throw new DeployFailed('another deployment of this model may have begun: its claim is over');
  const body = JSON.stringify({ type, timestamp: time, data });
  const now = new Date();
  const timeout = AbortSignal.timeout(Math.min(timeoutMs, left));
  try {
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        [SEQUENCE_HEADER]: String(sequence),
        'webhook-signature': new Webhook(secret).sign(id, now, body),
      },
      body,
      signal: AbortSignal.any([signal, timeout]),
    });
    // The status says it all: the body is not read, however long it is.
    await response.body?.cancel();
    return response;
  } catch (cause) {
    throw new DeployFailed(
      timeout.aborted
        ? `${url.host} did not answer within ${timeoutMs / 1_000} s`
        : `${url.host} could not be asked`,
      { cause, mayBeLive: !neverArrived(cause) },
    );
  }
}

/** Codes of errors from before anything was sent. */
const NOT_CONNECTED: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** What fetch throws has its reason as its cause. */
function neverArrived(thrown: unknown): boolean {
  const reason = thrown instanceof Error ? thrown.cause : undefined;
  return reason instanceof Error && 'code' in reason && NOT_CONNECTED.has(reason.code);
}

/** Rises with every deployment of a model: a platform that has seen a higher one answers 409. */
export const SEQUENCE_HEADER = 'hikyaku-sequence';

/** What a platform may answer when the signature does not fit. */
const UNSIGNED: ReadonlySet<number> = new Set([401, 403]);
/** What fetch sends unchanged as a header. */
const SENDABLE_ID = /^[\x21-\x7E]+$/;
const RETRIED: ReadonlySet<number> = new Set([408, 425, 429]);
/** What says when to come again has not failed: it is busy, or closed for a while. */
const BUSY: ReadonlySet<number> = new Set([429, 503]);

function readAnswer(where: string, { ok, status, headers }: Response): PlatformAnswer {
  if (ok) return { taken: true };
  const answered = `${where} answered ${status}`;
  if (status >= 500 || RETRIED.has(status)) {
    const delayMs = retryAfterMs(headers.get('retry-after'));
    if (delayMs === undefined) throw new DeployFailed(answered);
    throw BUSY.has(status) ? new Postpone(delayMs, answered) : new RetryAfter(delayMs, answered);
  }
  if (status === 409) return { taken: false, reason: `${answered}: it has a newer deployment of this model` };
  throw new Reject(status < 400 ? `${answered}: redirects are not followed, give the final URL` : answered);
}

/** Seconds, or an HTTP date; undefined for anything else. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,10}$/.test(header)) return Number(header) * 1_000;
  const at = /^[A-Z][a-z]+, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
