import { type Handler, Postpone } from '../../consume/handler.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import { isLoopback } from '../../text/loopback.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import { createDeploy, type Deploy, type DeployParts } from './deploy-model.ts';

export interface DeployOptions extends Pick<DeployParts, 'openDoor' | 'record'> {
  /** Takes the deployment as a Standard Webhooks request. Without it, recording is all there is. */
  readonly url?: string | undefined;
  /** What requests are signed with, as Standard Webhooks writes it: `whsec_` and base64. The newest of several. */
  readonly secret?: string | Secrets | undefined;
  /** For a request and its answer. Default 10 s. */
  readonly timeoutMs?: number;
}

/** Deployment is set up in a way that cannot work. */
export class InvalidDeployOptions extends Error {
  override readonly name = 'InvalidDeployOptions';
}

/**
 * A handler that deploys models by asking a platform to, one announcement of a model at a time. A model that is not
 * better than what is live, or older where the two cannot be compared, is superseded: acknowledged, and an event says so.
 *
 * The platform's answers: 2xx is done; 409 says that it has a newer deployment, and supersedes the message; any other
 * rejects the message, except 408, 425, 429 and 5xx, which are retried, when the platform says so by `Retry-After`,
 * else by policy; so is no answer. After 401 or 403 a secret that has been rotated meanwhile is tried. Redirects are not
 * followed. Errors carry the answer's status only, no body.
 *
 * @throws InvalidDeployOptions at once, when url or secret cannot be used; the handler itself throws it for
 * secrets that are fetched.
 */
export function createDeployHandler(options: DeployOptions): Handler<ModelReadyToDeploy> {
  const deploy = deployAs(options);
  return async (message, { signal }) => {
    const done = await deploy(message, { signal });
    if (done.outcome === 'wait') throw new Postpone(done.ms, done.reason);
  };
}

/** What deploys models as these options say. Throws {@link InvalidDeployOptions}. */
export function deployAs({ url, secret, timeoutMs = 10_000, ...parts }: DeployOptions): Deploy {
  const platform =
    url === undefined ? undefined : { url: checkUrl(url), secrets: checked(secret), timeoutMs };
  return createDeploy({ ...parts, platform });
}

/** @throws InvalidDeployOptions for what no deployment is posted to. */
export function checkUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) throw new InvalidDeployOptions('the deploy URL is not a URL: expected https://…');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLoopback(url.hostname))) {
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

function checked(secret: DeployOptions['secret']): Secrets {
  if (typeof secret === 'object') {
    return {
      current: async () => (await secret.current()).map(checkSecret),
      renewed: async () => (await secret.renewed())?.map(checkSecret),
    };
  }
  const known = [checkSecret(secret)];
  return { current: async () => known, renewed: async () => undefined };
}

function checkSecret(secret: string | undefined): string {
  if (secret === undefined) {
    throw new InvalidDeployOptions('there is a deploy URL but no secret to sign requests with');
  }
  if (SECRET.test(secret)) return secret;
  throw new InvalidDeployOptions('the deploy secret cannot be used: expected whsec_ and base64');
}
