import type { MlflowClient } from './mlflow-client.ts';
import { RegistryError } from './registry.ts';

/** A page of a list, and what asks for the next one. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next?: string;
}

export interface Listing<Item> {
  /** As the client's errors name it. */
  readonly what: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** Throws InvalidEvaluation for an answer that it cannot read. */
  readonly read: (answer: unknown) => Page<Item>;
  /** A server that never comes to the last page must not hold whoever asks. */
  readonly mostPages: number;
}

/** Every item of a list that MLflow gives out in pages. Throws {@link RegistryError}. */
export async function* itemsOf<Item>(
  { get }: Pick<MlflowClient, 'get'>,
  { what, path, query, read, mostPages }: Listing<Item>,
): AsyncGenerator<Item> {
  let token: string | undefined;
  for (let count = 0; count < mostPages; count++) {
    const page = await get(what, path, { ...query, ...(token && { page_token: token }) }, read);
    yield* page.items;
    if (page.next === undefined) return;
    token = page.next;
  }
  throw new RegistryError('Invalid', `${what} has more than ${mostPages} pages`);
}
