import { InvalidEvaluation, show } from './evaluation.ts';

/** How MLflow names a version of a registered model. */
export type Reference =
  | { readonly name: string; readonly version: string }
  | { readonly name: string; readonly alias: string };

/** MLflow's names of models have neither `/` nor `:`. */
const REFERENCE = /^models:\/([^/:@]+)(?:\/(\d+)|@([^/:@]+))$/;

/**
 * Reads `models:/NAME/VERSION` or `models:/NAME@ALIAS`.
 *
 * @param source Which input it is, for the error.
 * @throws InvalidEvaluation
 */
export function parseReference(text: string, source?: string): Reference {
  const [, name, version, alias] = REFERENCE.exec(text) ?? [];
  if (name !== undefined && version !== undefined) return { name, version };
  if (name !== undefined && alias !== undefined) return { name, alias };
  const expected = 'models:/NAME/VERSION, its version a number, models:/NAME@ALIAS, or a JSON object';
  throw new InvalidEvaluation([{ path: '', expected, found: show(text) }], source);
}
