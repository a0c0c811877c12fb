import * as z from 'zod/mini';
import { modelName, modelVersion } from '../fields.ts';
import {
  type Document,
  type FileRegistry,
  kindOfAnswer,
  registryFromAnswers,
} from '../registry/mlflow-files.ts';
import { registryFromEnvironment } from '../registry/mlflow-rest.ts';
import { type ModelRegistry, type ModelVersion, RegistryError } from '../registry/registry.ts';
import { check, InvalidEvaluation, parseEvaluation, show } from './evaluation.ts';
import type { Evidence } from './evidence.ts';
import { evidenceOfDocument } from './from-document.ts';
import { evidenceOfRun, evidenceOfVersion } from './from-registry.ts';
import { inKnownForm } from './known-forms.ts';
import { parseReference, type Reference } from './reference.ts';
import type { JudgeSettings } from './settings.ts';

export type { Document } from '../registry/mlflow-files.ts';

/**
 * Reads whatever is given to be judged into evidence, in the order given:
 * - a plain evaluation (see `parseEvaluation`);
 * - an MLflow run, as its REST API answers: registered as the model versions with its id among the
 *   documents given, or as the `model_name` and `model_version` beside its `run`;
 * - a logged model of MLflow 3: registered as the versions made from it. A version is judged once, from all that the
 *   documents say of it, and its baselines are looked up among them too;
 * - other answers of MLflow (versions, registered models, errors) only tell about these;
 * - `models:/NAME/VERSION` or `models:/NAME@ALIAS`: a model version at an MLflow server;
 * - a list of any of these.
 *
 * All are read before any is answered: one that is wrong leaves nothing half done.
 *
 * @param openRegistry Opens the MLflow server, and only if it is needed. Default: from the environment.
 * @param onUnreadable Is told of each input that cannot be read, which is then left out. Default: it is thrown.
 * @throws InvalidEvaluation when there is nothing to judge.
 * @throws RegistryError when the MLflow server does not answer, or does not know the model version.
 */
export async function readEvidence(
  inputs: readonly Document[],
  settings: JudgeSettings = {},
  openRegistry: () => ModelRegistry = registryFromEnvironment,
  onUnreadable: OnUnreadable = rethrow,
): Promise<Evidence[]> {
  let unreadable = 0;
  const skip = (error: unknown): [] => {
    if (!(error instanceof InvalidEvaluation)) throw error;
    unreadable++;
    onUnreadable(error);
    return [];
  };
  const files = registryFromAnswers();
  const documents = inputs.flatMap(flatten).flatMap((document): Document[] => {
    try {
      const read = { ...document, content: inKnownForm(document.content, document.name) };
      files.add(read);
      return [read];
    } catch (error) {
      return skip(error);
    }
  });
  const judged = new Set<string>();
  const once = (key: string): boolean => !judged.has(key) && judged.add(key) !== undefined;
  let server: ModelRegistry | undefined;
  // Everything is parsed here; what has to be looked up is looked up afterwards.
  function lookupOf({ name, content }: Document): Lookup {
    if (typeof content === 'string') {
      const reference = parseReference(content, name);
      return async () => {
        server ??= openRegistry();
        return [await evidenceOfReference(server, reference, settings)];
      };
    }
    const kind = typeof content === 'object' && content !== null ? kindOfAnswer(content) : undefined;
    if (kind === undefined) {
      const evaluation = parseEvaluation(content, name);
      return () => [evidenceOfDocument(evaluation, settings)];
    }
    if (kind === 'run') return lookUpRun(files, content, name, once, settings);
    if (kind === 'model') return lookUpModel(files, content, once, settings);
    return () => [];
  }
  const lookups = documents.flatMap((document): Lookup[] => {
    try {
      return [lookupOf(document)];
    } catch (error) {
      return skip(error);
    }
  });
  const found = await Promise.all(lookups.map(async (lookup) => lookup()).map((one) => one.catch(skip)));
  const evidence = found.flat();
  if (evidence.length > 0 || unreadable > 0) return evidence;
  const [first] = documents;
  const issue = { path: '', expected: SOMETHING, found: show(first?.content) };
  throw new InvalidEvaluation([issue], first?.name);
}

/** Is told of an input that cannot be read; may throw the error instead. */
export type OnUnreadable = (error: InvalidEvaluation) => void;

function rethrow(error: InvalidEvaluation): never {
  throw error;
}

type Lookup = () => Evidence[] | Promise<Evidence[]>;
/** Whether this is the first time that it is asked of a key. */
type Once = (key: string) => boolean;

const SOMETHING = 'an evaluation, an MLflow run or models:/NAME/VERSION';

function flatten({ name, content }: Document): Document[] {
  if (!Array.isArray(content)) return [{ name, content }];
  return content.flatMap((item: unknown, index) => flatten({ name: `${name}[${index}]`, content: item }));
}

async function evidenceOfReference(
  registry: ModelRegistry,
  reference: Reference,
  settings: JudgeSettings,
): Promise<Evidence> {
  return evidenceOfVersion(registry, await versionOfReference(registry, reference), settings);
}

/** The version that a reference names. Throws {@link RegistryError}. */
export async function versionOfReference(
  registry: ModelRegistry,
  reference: Reference,
): Promise<ModelVersion> {
  const { name } = reference;
  if ('version' in reference) return registry.modelVersion(name, reference.version);
  const version = await registry.alias(name, reference.alias);
  if (version !== undefined) return version;
  throw new RegistryError('NotFound', `${name} has no alias ${reference.alias}`);
}

const runBesides = z.object({
  run: z.object({ info: z.object({ run_id: z.string() }) }),
  model_name: z.optional(modelName),
  model_version: z.optional(modelVersion),
});

function lookUpRun(
  files: FileRegistry,
  content: unknown,
  source: string,
  once: Once,
  settings: JudgeSettings,
): Lookup {
  const { run, model_name, model_version } = check(runBesides, content, source);
  const id = run.info.run_id;
  if (!once(`run ${id}`)) return () => [];
  const versions = files.versionsOf(id).filter((version) => once(keyOf(version)));
  if (versions.length > 0) return judgeVersions(files, versions, settings);
  if ((model_name === undefined) !== (model_version === undefined)) {
    const path = model_name === undefined ? 'model_name' : 'model_version';
    throw new InvalidEvaluation([{ path, expected: 'both or none', found: 'nothing' }], source);
  }
  if (files.versionsOf(id).length > 0) return () => [];
  const version =
    model_name === undefined || model_version === undefined
      ? undefined
      : { name: model_name, version: model_version, tags: new Map(), aliases: [] };
  return async () => [await evidenceOfRun(files, await files.run(id), version, settings)];
}

const modelAnswer = z.object({ model: z.object({ info: z.object({ model_id: z.string() }) }) });

/** Versions that were registered without a run are known by their logged model alone. */
function lookUpModel(files: FileRegistry, content: unknown, once: Once, settings: JudgeSettings): Lookup {
  const { model } = check(modelAnswer, content);
  const versions = files.versionsOfModel(model.info.model_id).filter((version) => once(keyOf(version)));
  return judgeVersions(files, versions, settings);
}

function judgeVersions(
  files: FileRegistry,
  versions: readonly ModelVersion[],
  settings: JudgeSettings,
): Lookup {
  return () => Promise.all(versions.map((version) => evidenceOfVersion(files, version, settings)));
}

/** Names of registered models have no slash. */
function keyOf({ name, version }: ModelVersion): string {
  return `${name}/${version}`;
}
