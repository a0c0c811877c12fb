import type { UnsignedRequest } from './aws-signature.ts';
import { boundedText } from './bounded-text.ts';
import type { Authentication } from './mlflow-authentication.ts';
import { redirected, refusal, webPage } from './mlflow-refusals.ts';
import { RegistryError } from './registry.ts';

export interface AskOptions {
  /** Where MLflow's API is. */
  readonly api: string;
  readonly authentication: Authentication;
  /** For each request, with its redirects. */
  readonly timeoutMs: number;
}

/** Asks once, and returns the text of an answer 200. `what` is for errors. Throws {@link RegistryError}. */
export type Ask = (what: string, request: UnsignedRequest) => Promise<string>;

/** A run with 10,000 metrics has about 1 MiB. */
const MOST_BYTES = 33_554_432;
/** A proxy may send on to https, and add a slash. */
const MOST_REDIRECTS = 3;

export function createAsk({ api, authentication, timeoutMs }: AskOptions): Ask {
  async function send(request: UnsignedRequest, signal: AbortSignal): Promise<Response> {
    const { method, url, body } = request;
    const headers = await authentication.headers(request);
    return fetch(url, { method, headers, ...(body !== undefined && { body }), redirect: 'manual', signal });
  }

  /** Follows redirects, if nobody else sees the credentials. */
  async function respond(what: string, request: UnsignedRequest, signal: AbortSignal): Promise<Response> {
    let { url } = request;
    for (let followed = 0; ; followed++) {
      const response = await send({ ...request, url }, signal);
      if (response.status < 300 || response.status >= 400) return response;
      await response.body?.cancel();
      const location = response.headers.get('location');
      const to = location === null ? null : URL.parse(location, url);
      const follow =
        request.method === 'GET' && followed < MOST_REDIRECTS && to !== null && mayFollow(url, to);
      if (!follow) throw redirected(what, api, response.status, to);
      url = to.href;
    }
  }

  async function read(what: string, request: UnsignedRequest) {
    try {
      const response = await respond(what, request, AbortSignal.timeout(timeoutMs));
      const text = await boundedText(response, MOST_BYTES);
      return { status: response.status, type: response.headers.get('content-type') ?? '', text };
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause;
      const late = cause instanceof Error && cause.name === 'TimeoutError';
      const why = late ? `did not answer within ${timeoutMs / 1_000} s` : 'cannot be reached';
      throw new RegistryError('Unavailable', `MLflow at ${api} ${why}`, { cause });
    }
  }

  return async (what, request) => {
    let answer = await read(what, request);
    if (answer.status === 401 && (await authentication.renewed())) answer = await read(what, request);
    const { status, type, text } = answer;
    if (text === undefined) {
      const sentence = `MLflow at ${api} answered with more than 32 MiB when asked for ${what}`;
      throw new RegistryError('Invalid', sentence);
    }
    if (status !== 200) throw refusal({ what, api, status, text, hint: authentication.hint });
    if (type.includes('html') || text.trimStart().startsWith('<')) throw webPage(what, api);
    return text;
  };
}

/** Only to the same server, or to its https: elsewhere nobody must see the credentials. */
function mayFollow(from: string, to: URL): boolean {
  const { origin, protocol, hostname } = new URL(from);
  const isSecured = protocol === 'http:' && to.protocol === 'https:' && to.hostname === hostname;
  return to.origin === origin || isSecured;
}
