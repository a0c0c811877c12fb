import { parsePythonJson } from '../../text/python-json.ts';
import { WORKSPACE } from '../fields.ts';
import { InvalidEvaluation } from '../judge/evaluation.ts';
import { type Credentials, httpAuthentication, sagemakerAuthentication } from './mlflow-authentication.ts';
import { type Ask, createAsk } from './mlflow-request.ts';
import { RegistryError } from './registry.ts';
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
  return clientOf(api, createAsk({ api, authentication, timeoutMs }), workspace);
}

function clientOf(api: string, ask: Ask, workspace: string | undefined): MlflowClient {
  if (workspace !== undefined && !WORKSPACE.test(workspace)) {
    throw new RegistryError(
      'Invalid',
      'MLFLOW_WORKSPACE is not the name of a workspace: expected a-z, 0-9 and "-"',
    );
  }
  const named = workspace === undefined ? '' : ` in the workspace ${workspace}`;
  const headers = {
    accept: 'application/json',
    ...(workspace !== undefined && { 'x-mlflow-workspace': workspace }),
  };

  async function post(what: string, path: string, body: unknown): Promise<void> {
    await ask(`${what}${named}`, {
      method: 'POST',
      url: `${api}/${path}`,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  return {
    async get(what, path, query, readAnswer) {
      const url = `${api}/${path}${queryOf(query)}`;
      const text = await ask(`${what}${named}`, { method: 'GET', url, headers });
      try {
        return readAnswer(parsePythonJson(text));
      } catch (cause) {
        const wrong = cause instanceof InvalidEvaluation ? `: ${cause.told}` : ', but not in JSON';
        const sentence = `MLflow at ${api} answered when asked for ${what}${named}${wrong}`;
        throw new RegistryError('Invalid', sentence, { cause });
      }
    },
    post,
    setVersionTag: (name, version, key, value) =>
      post(`model version ${name} ${version}`, 'model-versions/set-tag', { name, version, key, value }),
    inWorkspace: (other) => clientOf(api, ask, other),
  };
}

/** With %20 for blanks: + is not one to all that check signatures. */
function queryOf(query: Readonly<Record<string, string>>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text.replaceAll('+', '%20')}`;
}
