import { parsePythonJson } from '../../text/python-json.ts';
import { WORKSPACE } from '../fields.ts';
import { InvalidEvaluation } from '../judge/evaluation.ts';
import { boundedText } from './bounded-text.ts';
import { type Credentials, httpAuthentication, sagemakerAuthentication } from './mlflow-authentication.ts';
import { redirected, refusal, webPage } from './mlflow-refusals.ts';
import { RegistryError } from './registry.ts';
import type { UnsignedRequest } from './sagemaker-signature.ts';
import { parseTrackingUri } from './tracking-uri.ts';

export interface MlflowClientOptions extends Credentials {
  /** The tracking URI: http(s), with its path if it has one and perhaps user and password, or an ARN of SageMaker. */
  readonly url: string;
  /** Looks up in this workspace. Default: none is said, and the server takes its default. */
  readonly workspace?: string | undefined;
  /** For each request. Default 10 s. */
  readonly timeoutMs?: number;
  /** Where requests for an ARN go instead: for tests. */
  readonly endpoint?: string;
}

/** Asks an MLflow server. All methods throw {@link RegistryError}. */
export interface MlflowClient {
  /**
   * @param what For errors, for example `run 5f2c`.
   * @param path Below `/api/2.0/mlflow/`.
   * @param readAnswer Throws InvalidEvaluation for an answer that it cannot read.
   */
  get<Answer>(
    what: string,
    path: string,
    query: Readonly<Record<string, string>>,
    readAnswer: (answer: unknown) => Answer,
  ): Promise<Answer>;
  post(what: string, path: string, body: unknown): Promise<void>;
  setVersionTag(name: string, version: string, key: string, value: string): Promise<void>;
  /** The same server and credentials, in another workspace. */
  inWorkspace(workspace: string | undefined): MlflowClient;
}

/** A run with 10,000 metrics has about 1 MiB. */
const MOST_BYTES = 33_554_432;
/** A proxy may send on to https, and add a slash. */
const MOST_REDIRECTS = 3;

interface Answered {
  readonly status: number;
  readonly text: string;
  readonly isPage: boolean;
}

/**
 * A client of an MLflow server. It asks once: who calls decides whether to again.
 *
 * @throws RegistryError `Invalid` when the URI or the workspace cannot be used.
 */
export function createMlflowClient(options: MlflowClientOptions): MlflowClient {
  const { timeoutMs = 10_000, endpoint, workspace } = options;
  const server = parseTrackingUri(options.url);
  const authentication =
    server.kind === 'http' ? httpAuthentication(server, options) : sagemakerAuthentication(server);
  const api = `${endpoint ?? server.url}/api/2.0/mlflow`;
  if (workspace !== undefined && !WORKSPACE.test(workspace)) {
    throw new RegistryError(
      'Invalid',
      'MLFLOW_WORKSPACE is not the name of a workspace: expected a-z, 0-9 and "-"',
    );
  }
  const named = workspace === undefined ? '' : ` in the workspace ${workspace}`;

  async function answered(asked: string, request: UnsignedRequest): Promise<Answered> {
    const signal = AbortSignal.timeout(timeoutMs);
    let { url } = request;
    try {
      for (let followed = 0; ; followed++) {
        const response = await send({ ...request, url }, signal);
        const { status } = response;
        if (status >= 300 && status < 400) {
          await response.body?.cancel();
          const to = URL.parse(response.headers.get('location') ?? '', url);
          const follow = request.method === 'GET' && followed < MOST_REDIRECTS && mayFollow(url, to);
          if (!follow || to === null) throw redirected(asked, api, status, to);
          url = to.href;
          continue;
        }
        const text = await boundedText(response, MOST_BYTES);
        if (text === undefined) {
          throw new RegistryError(
            'Invalid',
            `MLflow at ${api} answered with more than 32 MiB when asked for ${asked}`,
          );
        }
        const isPage =
          response.headers.get('content-type')?.includes('html') || text.trimStart().startsWith('<');
        return { status, text, isPage: isPage === true };
      }
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause;
      const late = cause instanceof Error && cause.name === 'TimeoutError';
      const why = late ? `did not answer within ${timeoutMs / 1_000} s` : 'cannot be reached';
      throw new RegistryError('Unavailable', `MLflow at ${api} ${why}`, { cause });
    }
  }

  async function send(request: UnsignedRequest, signal: AbortSignal): Promise<Response> {
    const { method, url, body } = request;
    return fetch(url, {
      method,
      headers: await authentication.headers(request),
      ...(body !== undefined && { body }),
      redirect: 'manual',
      signal,
    });
  }

  async function ask(what: string, method: 'GET' | 'POST', path: string, body?: string): Promise<string> {
    const asked = `${what}${named}`;
    const headers = {
      accept: 'application/json',
      ...(workspace !== undefined && { 'x-mlflow-workspace': workspace }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const request: UnsignedRequest = { method, url: `${api}/${path}`, headers, body };
    let answer = await answered(asked, request);
    if (answer.status === 401 && (await authentication.renewed())) answer = await answered(asked, request);
    const { status, text, isPage } = answer;
    if (status !== 200) throw refusal({ what: asked, api, status, text, hint: authentication.hint });
    if (isPage) throw webPage(asked, api);
    return text;
  }

  async function post(what: string, path: string, body: unknown): Promise<void> {
    await ask(what, 'POST', path, JSON.stringify(body));
  }

  return {
    async get(what, path, query, readAnswer) {
      const text = await ask(what, 'GET', `${path}${queryOf(query)}`);
      try {
        return readAnswer(parsePythonJson(text));
      } catch (cause) {
        const wrong = cause instanceof InvalidEvaluation ? `: ${cause.told}` : ', but not in JSON';
        throw new RegistryError(
          'Invalid',
          `MLflow at ${api} answered when asked for ${what}${named}${wrong}`,
          {
            cause,
          },
        );
      }
    },
    post,
    setVersionTag: (name, version, key, value) =>
      post(`model version ${name} ${version}`, 'model-versions/set-tag', {
        name,
        version,
        key,
        value,
      }),
    inWorkspace: (other) => createMlflowClient({ ...options, workspace: other }),
  };
}

/** With %20 for blanks: + is not one to all that check signatures. */
function queryOf(query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text.replaceAll('+', '%20')}`;
}

/** Only to the same server, or to its https: elsewhere nobody must see the credentials. */
function mayFollow(from: string, to: URL | null): boolean {
  const { origin, protocol, hostname } = new URL(from);
  if (to === null) return false;
  return (
    to.origin === origin || (protocol === 'http:' && to.protocol === 'https:' && to.hostname === hostname)
  );
}
