import { clientFromEnvironment, registryOf, workspaceFrom } from '../registry/mlflow-rest.ts';
import { createMlflowSearch } from '../registry/mlflow-search.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { findUnjudged } from './sweep.ts';

/** `since` is in Unix ms. Rejects with a RegistryError. */
export type Sweep = (since: number) => Promise<ModelToEvaluate[]>;

/**
 * What `findUnjudged` finds at the MLflow server of the environment, in its workspace.
 *
 * @throws RegistryError `Invalid` when the tracking URI is missing or not one that is offered.
 */
export function sweepFrom(environment: NodeJS.ProcessEnv): Sweep {
  const client = clientFromEnvironment(environment);
  const search = createMlflowSearch(client);
  const registry = registryOf(client);
  const workspace = workspaceFrom(environment);
  return (since) => findUnjudged({ search, registry, since, workspace });
}
