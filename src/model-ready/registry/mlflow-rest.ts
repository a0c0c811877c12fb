import { fixedSecrets, type Secrets } from '../../secrets/secrets.ts';
import { secretsLater } from '../../secrets/secrets-later.ts';
import {
  readHistory,
  readLoggedModel,
  readModelVersion,
  readRegisteredModel,
  readRun,
} from './mlflow-answers.ts';
import { createMlflowClient, type MlflowClient, type MlflowClientOptions } from './mlflow-client.ts';
import { itemsOf } from './mlflow-pages.ts';
import { RegistryError, type WritableRegistry } from './registry.ts';

/**
 * A client of the MLflow server at `MLFLOW_TRACKING_URI`, in the workspace `MLFLOW_WORKSPACE`, with the credentials
 * that MLflow's own clients take: `MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and `MLFLOW_TRACKING_PASSWORD`.
 * Token and password may also be in the file that `<name>_FILE` names, or in the secret of Secrets Manager whose ARN is
 * `<name>_ARN`. An ARN as URI is asked with AWS credentials.
 *
 * @throws RegistryError `Invalid` when the URI is missing or not one that is offered.
 */
export function clientFromEnvironment(environment: NodeJS.ProcessEnv = process.env): MlflowClient {
  const url = environment['MLFLOW_TRACKING_URI'];
  if (!url?.trim()) {
    throw new RegistryError(
      'Invalid',
      'MLFLOW_TRACKING_URI is not set: expected the URL of an MLflow server, such as https://mlflow.example.com',
    );
  }
  return createMlflowClient({
    url,
    token: secretIn(environment, 'MLFLOW_TRACKING_TOKEN'),
    username: environment['MLFLOW_TRACKING_USERNAME'],
    password: secretIn(environment, 'MLFLOW_TRACKING_PASSWORD'),
    workspace: workspaceFrom(environment),
  });
}

/** Undefined where none is named. */
export function workspaceFrom(environment: NodeJS.ProcessEnv): string | undefined {
  return environment['MLFLOW_WORKSPACE']?.trim() || undefined;
}

/** One that is given outright is taken as it is, blanks and all: passwords may have some. */
function secretIn(environment: NodeJS.ProcessEnv, name: string): Secrets | undefined {
  const value = environment[name];
  const elsewhere = environment[`${name}_FILE`] || environment[`${name}_ARN`];
  return value && !elsewhere ? fixedSecrets([value]) : secretsLater(environment, name);
}

/** The registry that {@link clientFromEnvironment} asks, and throws as it does. */
export function registryFromEnvironment(environment: NodeJS.ProcessEnv = process.env): WritableRegistry {
  return registryOf(clientFromEnvironment(environment));
}

/**
 * Opens the registry of {@link clientFromEnvironment} for a workspace; without one for that of the environment. All
 * share one client and its credentials, which is made at the first call.
 */
export function registriesFromEnvironment(
  environment: NodeJS.ProcessEnv = process.env,
): (workspace?: string) => WritableRegistry {
  let client: MlflowClient | undefined;
  return (workspace) => {
    client ??= clientFromEnvironment(environment);
    return registryOf(workspace === undefined ? client : client.inWorkspace(workspace));
  };
}

/** A registry that asks an MLflow server, over REST alone. Throws as {@link createMlflowClient}. */
export function createRestRegistry(options: MlflowClientOptions): WritableRegistry {
  return registryOf(createMlflowClient(options));
}

export function registryOf(client: MlflowClient): WritableRegistry {
  const { get, setVersionTag } = client;
  return {
    isComplete: true,
    setVersionTag,
    history: (runId, metric) =>
      Array.fromAsync(
        itemsOf(client, {
          what: `the history of run ${runId}`,
          path: 'metrics/get-history',
          query: { run_id: runId, metric_key: metric },
          read: readHistory,
          mostPages: MOST_PAGES,
        }),
      ),
    run: (id) => get(`run ${id}`, 'runs/get', { run_id: id }, readRun),
    loggedModel: (id) =>
      get(`logged model ${id}`, `logged-models/${encodeURIComponent(id)}`, {}, readLoggedModel),
    registeredModel: (name) =>
      get(`registered model ${name}`, 'registered-models/get', { name }, readRegisteredModel),
    modelVersion: (name, version) =>
      get(`model version ${name} ${version}`, 'model-versions/get', { name, version }, readModelVersion),
    async alias(name, alias) {
      try {
        return await get(
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

/** Of a metric's history: a page has up to 25,000 values. */
const MOST_PAGES = 100;
