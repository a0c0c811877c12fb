import { createHash } from 'node:crypto';

/** What a store has of a model. */
export interface Stored {
  readonly text: string;
  /** Changes with every write. */
  readonly revision: string;
}

/**
 * Keeps one text for each model, for all processes that use the store. Whoever writes says which revision it has
 * read: of two that have read the same one, one writes. Both methods reject with a TransportError.
 */
export interface ClaimStore {
  /** Undefined for a model that nothing was written of. */
  read(model: string): Promise<Stored | undefined>;
  /**
   * Writes if the revision still holds; `undefined` is that of a model that nothing was written of. If the answer is lost,
   * the text may have been written all the same.
   *
   * @returns whether it was written.
   */
  write(model: string, text: string, revision: string | undefined): Promise<boolean>;
  close(): void;
}

/** The name of a model as a part of file names and keys: readable, and its own also where file names ignore case. */
export function claimKey(model: string): string {
  const readable = model.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const digest = createHash('sha256').update(model).digest('hex');
  return `${readable.slice(0, 40)}-${digest.slice(0, 32)}`;
}
