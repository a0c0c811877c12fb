import { type Handler, Reject, RetryAfter } from '../consume/handler.ts';
import type { Envelope } from '../message/envelope.ts';
import type { ModelReadyToDeploy } from './contract.ts';
import { emitModelEvent } from './events.ts';

/** A model that was deployed. */
export interface Deployment {
  /** The message's id. The same deployment may be recorded twice: messages come at least once. */
  readonly id: string;
  /** When: RFC 3339, UTC. */
  readonly at: string;
  readonly model: ModelReadyToDeploy;
}

export interface DeployOptions {
  /** Takes the deployment as a Standard Webhooks request. Without it, recording is all there is. */
  readonly url?: string | undefined;
  /** What requests are signed with, as Standard Webhooks writes it: `whsec_` and base64. */
  readonly secret?: string | undefined;
  /** For a request and its answer. Default 10 s. */
  readonly timeoutMs?: number;
  /** Called once a model is deployed. What it throws is retried, and the request with it. */
  readonly record: (deployment: Deployment) => Promise<void> | void;
}

/** Deployment is set up in a way that cannot work. */
export class InvalidDeployOptions extends Error {
  override readonly name = 'InvalidDeployOptions';
}

/** The platform did not take the model this time; trying again may help. */
export class DeployFailed extends Error {
  override readonly name = 'DeployFailed';
}

/**
 * A handler that deploys models by asking a platform to. 2xx is done; any other answer rejects the message,
 * except 408, 425, 429 and 5xx, which are retried, when the platform says so by `Retry-After`, else by
 * policy; so is no answer. Redirects are not followed. Errors carry the answer's status only, no body.
 *
 * @throws InvalidDeployOptions at once, when url or secret cannot be used.
 */
export function createDeployHandler(options: DeployOptions): Handler<ModelReadyToDeploy> {
  const { url, secret, timeoutMs = 10_000, record } = options;
  const send = url === undefined ? undefined : sender(checkUrl(url), checkSecret(secret), timeoutMs);
  return async (message, { signal }) => {
    await send?.(message, signal);
    const { id, data: model } = message;
    await record({ id, at: new Date().toISOString(), model });
    const { model_name, model_version } = model;
    emitModelEvent({ event: 'deployed', id, model_name, model_version });
  };
}

type Send = (message: Envelope<ModelReadyToDeploy>, signal: AbortSignal) => Promise<void>;

function sender(url: URL, secret: string, timeoutMs: number): Send {
  const where = url.host;
  return async ({ id, type, time, data }, signal) => {
    if (!SENDABLE_ID.test(id))
      throw new Reject('its id cannot be sent as a header: expected printable ASCII');
    // Loaded at the first deployment, not when a Lambda function starts.
    const { Webhook } = await import('standardwebhooks');
    const body = JSON.stringify({ type, timestamp: time, data });
    const now = new Date();
    const timeout = AbortSignal.timeout(timeoutMs);
    let response: Response;
    try {
      response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
          'webhook-signature': new Webhook(secret).sign(id, now, body),
        },
        body,
        signal: AbortSignal.any([signal, timeout]),
      });
      // The status says it all: the body is not read, however long it is.
      await response.body?.cancel();
    } catch (cause) {
      throw new DeployFailed(
        timeout.aborted
          ? `${where} did not answer within ${timeoutMs / 1_000} s`
          : `${where} could not be asked`,
        { cause },
      );
    }
    judgeAnswer(where, response);
  };
}

/** What fetch sends unchanged as a header. */
const SENDABLE_ID = /^[\x21-\x7E]+$/;
const RETRIED: ReadonlySet<number> = new Set([408, 425, 429]);

function judgeAnswer(where: string, { ok, status, headers }: Response): void {
  if (ok) return;
  const answered = `${where} answered ${status}`;
  if (status >= 500 || RETRIED.has(status)) {
    const delayMs = retryAfterMs(headers.get('retry-after'));
    throw delayMs === undefined ? new DeployFailed(answered) : new RetryAfter(delayMs, answered);
  }
  throw new Reject(status < 400 ? `${answered}: redirects are not followed, give the final URL` : answered);
}

/** Seconds, or an HTTP date; undefined for anything else. */
function retryAfterMs(header: string | null): number | undefined {
  if (header === null) return undefined;
  if (/^\d{1,10}$/.test(header)) return Number(header) * 1_000;
  const at = /^[A-Z][a-z]+, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

function checkUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new InvalidDeployOptions('the deploy URL is not a URL: expected https://…');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && LOOPBACK.test(url.hostname))) {
    throw new InvalidDeployOptions(
      `the deploy URL is ${url.protocol}//${url.host}: expected https, or http on this machine`,
    );
  }
  if (url.username || url.password) {
    throw new InvalidDeployOptions('the deploy URL carries credentials: requests are signed instead');
  }
  return url;
}

const SECRET = /^(?:whsec_)?(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/;

function checkSecret(secret: string | undefined): string {
  if (secret === undefined) {
    throw new InvalidDeployOptions('there is a deploy URL but no secret to sign requests with');
  }
  if (SECRET.test(secret)) return secret;
  throw new InvalidDeployOptions('the deploy secret cannot be used: expected whsec_ and base64');
}
