import type { Page, RegisteredModelAnswer } from './mlflow-answers.ts';
import { readModelPage, readVersionPage } from './mlflow-answers.ts';
import type { MlflowClient } from './mlflow-client.ts';
import { type ModelVersion, RegistryError } from './registry.ts';

/** Looks through a registry. All methods throw {@link RegistryError}. */
export interface RegistrySearch {
  /** The versions that were registered since, in Unix ms; the newest first. */
  versionsSince(since: number): AsyncGenerator<ModelVersion>;
  /** Every registered model, with its aliases. */
  models(): AsyncGenerator<RegisteredModelAnswer>;
}

/** Of one request; MLflow takes up to some thousand. */
const PAGE = '200';
/** Of one search: a server that never comes to the last one must not hold the sweep. */
const MOST_PAGES = 1_000;

export function createMlflowSearch({ get }: Pick<MlflowClient, 'get'>): RegistrySearch {
  async function* pages<Item>(
    what: string,
    path: string,
    query: Readonly<Record<string, string>>,
    read: (answer: unknown) => Page<Item>,
  ): AsyncGenerator<Item> {
    let token: string | undefined;
    for (let count = 0; count < MOST_PAGES; count++) {
      const page = await get(what, path, { ...query, ...(token && { page_token: token }) }, read);
      yield* page.items;
      if (page.next === undefined) return;
      token = page.next;
    }
    throw new RegistryError('Invalid', `the search for ${what} has more than ${MOST_PAGES} pages`);
  }

  return {
    async *versionsSince(since) {
      const query = { max_results: PAGE, order_by: 'creation_timestamp DESC' };
      for await (const version of pages('versions', 'model-versions/search', query, readVersionPage)) {
        if ((version.createdAt ?? since) < since) return;
        yield version;
      }
    },
    models: () =>
      pages('registered models', 'registered-models/search', { max_results: PAGE }, readModelPage),
  };
}
