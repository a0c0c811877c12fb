import * as z from 'zod/mini';
import { modelName, modelVersion } from '../fields.ts';
import { evaluationOfRun, evaluationOfVersion } from '../registry/mlflow.ts';
import {
  type Document,
  type FileRegistry,
  kindOfAnswer,
  registryFromAnswers,
} from '../registry/mlflow-files.ts';
import { registryFromEnvironment } from '../registry/mlflow-rest.ts';
import type { ModelRegistry, ModelVersion } from '../registry/registry.ts';
import { check, type Evaluation, InvalidEvaluation, parseEvaluation, show } from './evaluation.ts';

export type { Document } from '../registry/mlflow-files.ts';

/**
 * Reads whatever is given to be judged into evaluations, in the order given:
 * - a plain evaluation (see `parseEvaluation`);
 * - an MLflow run, as its REST API answers: registered as the model versions with its id among the
 *   documents given, or as the `model_name` and `model_version` beside its `run`. Its baseline is looked up
 *   among the documents too. A run given twice is judged once;
 * - other answers of MLflow (versions, models, errors) only tell about these runs;
 * - `models:/NAME/VERSION`: a model version at an MLflow server;
 * - a list of any of these.
 *
 * All are read before any is answered: one that is wrong leaves nothing half done.
 *
 * @param openRegistry Opens the MLflow server, and only if it is needed. Default: from the environment.
 * @throws InvalidEvaluation when something cannot be read, or there is nothing to judge.
 * @throws RegistryError when the MLflow server does not answer, or does not know the model version.
 */
export async function readEvaluations(
  inputs: readonly Document[],
  openRegistry: () => ModelRegistry = registryFromEnvironment,
): Promise<Evaluation[]> {
  const documents = inputs.flatMap(flatten);
  const files = registryFromAnswers(documents);
  const runs = new Set<string>();
  let server: ModelRegistry | undefined;
  // Everything is parsed here; what has to be looked up is looked up afterwards.
  const lookups = documents.map(({ name, content }): Lookup => {
    if (typeof content === 'string') {
      const [model, version] = parseReference(content, name);
      return async () => {
        server ??= openRegistry();
        return [await evaluationOfVersion(server, model, version)];
      };
    }
    const kind = typeof content === 'object' && content !== null ? kindOfAnswer(content) : undefined;
    if (kind === undefined) {
      const evaluation = parseEvaluation(content, name);
      return () => [evaluation];
    }
    if (kind !== 'run') return () => [];
    const { id, versions } = readVersions(files, content, name);
    if (runs.has(id)) return () => [];
    runs.add(id);
    return async () => {
      const run = await files.run(id);
      return Promise.all(versions.map((version) => evaluationOfRun(files, run, version)));
    };
  });
  const evaluations = (await Promise.all(lookups.map((lookup) => lookup()))).flat();
  if (evaluations.length > 0) return evaluations;
  const [first] = documents;
  const issue = { path: '', expected: SOMETHING, found: show(first?.content) };
  throw new InvalidEvaluation([issue], first?.name);
}

type Lookup = () => Evaluation[] | Promise<Evaluation[]>;

const SOMETHING = 'an evaluation, an MLflow run or models:/NAME/VERSION';

function flatten({ name, content }: Document): Document[] {
  if (!Array.isArray(content)) return [{ name, content }];
  return content.flatMap((item: unknown, index) => flatten({ name: `${name}[${index}]`, content: item }));
}

/** MLflow's names of models have neither `/` nor `:`. */
const REFERENCE = /^models:\/([^/:]+)\/(\d+)$/;

function parseReference(text: string, source: string): [name: string, version: string] {
  const [, name, version] = REFERENCE.exec(text) ?? [];
  if (name !== undefined && version !== undefined) return [name, version];
  const expected = 'models:/NAME/VERSION, its version a number, or a JSON object';
  throw new InvalidEvaluation([{ path: '', expected, found: show(text) }], source);
}

const runBesides = z.object({
  run: z.object({ info: z.object({ run_id: z.string() }) }),
  model_name: z.optional(modelName),
  model_version: z.optional(modelVersion),
});

/** The versions that a run is registered as; one undefined where it is not registered. */
function readVersions(
  files: FileRegistry,
  content: unknown,
  source: string,
): { id: string; versions: readonly (ModelVersion | undefined)[] } {
  const { run, model_name, model_version } = check(runBesides, content, source);
  const id = run.info.run_id;
  const versions = files.versionsOf(id);
  if (versions.length > 0) return { id, versions };
  if (model_name === undefined && model_version === undefined) return { id, versions: [undefined] };
  if (model_name !== undefined && model_version !== undefined) {
    return { id, versions: [{ name: model_name, version: model_version, tags: new Map(), aliases: [] }] };
  }
  const path = model_name === undefined ? 'model_name' : 'model_version';
  throw new InvalidEvaluation([{ path, expected: 'both or none', found: 'nothing' }], source);
}
