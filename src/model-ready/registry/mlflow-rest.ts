import { InvalidEvaluation } from '../judge/evaluation.ts';
import { readLoggedModel, readModelVersion, readRegisteredModel, readRun } from './mlflow-answers.ts';
import { type ModelRegistry, RegistryError } from './registry.ts';

export interface RestRegistryOptions {
  /** Of the MLflow server, with its path if it has one; may carry user and password. */
  readonly url: string;
  /** A bearer token; comes before user and password. */
  readonly token?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** For each request. Default 10 s. */
  readonly timeoutMs?: number;
}

/**
 * The registry of the MLflow server at `MLFLOW_TRACKING_URI`, with the credentials that MLflow's own clients
 * take: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
 *
 * @throws RegistryError `Invalid` when the URI is missing or not http(s).
 */
export function registryFromEnvironment(environment: NodeJS.ProcessEnv = process.env): ModelRegistry {
  const url = environment['MLFLOW_TRACKING_URI'];
  if (!url) {
    throw new RegistryError('Invalid', `MLFLOW_TRACKING_URI is not set: expected ${EXAMPLE}`);
  }
  return createRestRegistry({
    url,
    token: environment['MLFLOW_TRACKING_TOKEN'],
    username: environment['MLFLOW_TRACKING_USERNAME'],
    password: environment['MLFLOW_TRACKING_PASSWORD'],
  });
}

const EXAMPLE = 'the URL of an MLflow server, such as https://mlflow.example.com';

/**
 * A registry that asks an MLflow server, over REST alone. It asks once: who calls decides whether to again.
 *
 * @throws RegistryError `Invalid` when the URL is not http(s).
 */
export function createRestRegistry(options: RestRegistryOptions): ModelRegistry {
  const { timeoutMs = 10_000 } = options;
  const base = URL.parse(options.url);
  if (base === null || !/^https?:$/.test(base.protocol)) {
    throw new RegistryError('Invalid', `the MLflow tracking URI is not an http(s) URL: expected ${EXAMPLE}`);
  }
  const authorization = authorizationOf(options, base);
  const headers = { accept: 'application/json', ...(authorization && { authorization }) };
  const api = `${base.origin}${base.pathname.replace(/\/+$/, '')}/api/2.0/mlflow`;

  async function ask(path: string, query: Record<string, string>): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${api}/${path}?${new URLSearchParams(query)}`, {
        headers,
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { status: response.status, text: await response.text() };
    } catch (cause) {
      const late = cause instanceof Error && cause.name === 'TimeoutError';
      throw new RegistryError(
        'Unavailable',
        late
          ? `MLflow at ${api} did not answer within ${timeoutMs / 1_000} s`
          : `MLflow at ${api} cannot be reached`,
        { cause },
      );
    }
  }

  async function read<Answer>(
    what: string,
    path: string,
    query: Record<string, string>,
    readAnswer: (answer: unknown) => Answer,
  ): Promise<Answer> {
    const { status, text } = await ask(path, query);
    if (status !== 200) throw refusal(what, api, status, text);
    try {
      return readAnswer(JSON.parse(text));
    } catch (cause) {
      const wrong = cause instanceof InvalidEvaluation ? `: ${cause.told}` : ', but not in JSON';
      throw new RegistryError('Invalid', `MLflow at ${api} answered when asked for ${what}${wrong}`, {
        cause,
      });
    }
  }

  return {
    run: (id) => read(`run ${id}`, 'runs/get', { run_id: id }, readRun),
    loggedModel: (id) =>
      read(`logged model ${id}`, `logged-models/${encodeURIComponent(id)}`, {}, readLoggedModel),
    registeredModel: (name) =>
      read(`registered model ${name}`, 'registered-models/get', { name }, readRegisteredModel),
    modelVersion: (name, version) =>
      read(`model version ${name} ${version}`, 'model-versions/get', { name, version }, readModelVersion),
    async alias(name, alias) {
      try {
        return await read(
          `alias ${alias} of ${name}`,
          'registered-models/alias',
          { name, alias },
          readModelVersion,
        );
      } catch (error) {
        if (error instanceof RegistryError && error.code === 'NotFound') return undefined;
        throw error;
      }
    },
  };
}

function refusal(what: string, api: string, status: number, text: string): RegistryError {
  if (status === 401 || status === 403) {
    return new RegistryError(
      'Denied',
      `MLflow at ${api} refuses access to ${what} (${status}): check MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD`,
    );
  }
  if (status === 429 || status >= 500) {
    return new RegistryError('Unavailable', `MLflow at ${api} cannot answer for ${what} now (${status})`);
  }
  // A missing alias is answered with 400, anything else that is missing with 404; in JSON that says so.
  if ((status === 404 || status === 400) && text.includes('"error_code"')) {
    return new RegistryError('NotFound', `MLflow at ${api} has no ${what} (${status})`);
  }
  // What stands in front of it does not know whether it has that.
  if (status === 404) {
    return new RegistryError('Unavailable', `no MLflow answered at ${api} when asked for ${what} (404)`);
  }
  return new RegistryError('Invalid', `MLflow at ${api} answered ${status} when asked for ${what}`);
}

function authorizationOf(options: RestRegistryOptions, base: URL): string | undefined {
  if (options.token) return `Bearer ${options.token}`;
  const username = options.username || decodeURIComponent(base.username);
  const password = options.password || decodeURIComponent(base.password);
  return username ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined;
}
