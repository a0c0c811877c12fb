import { type RegisteredModelAnswer, readModelPage, readVersionPage } from './mlflow-answers.ts';
import type { MlflowClient } from './mlflow-client.ts';
import { itemsOf } from './mlflow-pages.ts';
import type { ModelVersion } from './registry.ts';

/** Looks through a registry. All methods throw {@link RegistryError}. */
export interface RegistrySearch {
  /** The versions that were registered since, in Unix ms; the newest first. */
  versionsSince(since: number): AsyncGenerator<ModelVersion>;
  /** Every registered model, with its aliases. */
  models(): AsyncGenerator<RegisteredModelAnswer>;
}

/** Of one request; MLflow takes up to some thousand. */
const PAGE = '200';
/** Of one search. */
const MOST_PAGES = 1_000;

export function createMlflowSearch(client: Pick<MlflowClient, 'get'>): RegistrySearch {
  return {
    async *versionsSince(since) {
      const versions = itemsOf(client, {
        what: 'the search for versions',
        path: 'model-versions/search',
        query: { max_results: PAGE, order_by: 'creation_timestamp DESC' },
        read: readVersionPage,
        mostPages: MOST_PAGES,
      });
      for await (const version of versions) {
        if ((version.createdAt ?? since) < since) return;
        yield version;
      }
    },
    models: () =>
      itemsOf(client, {
        what: 'the search for registered models',
        path: 'registered-models/search',
        query: { max_results: PAGE },
        read: readModelPage,
        mostPages: MOST_PAGES,
      }),
  };
}
