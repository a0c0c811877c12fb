import {
  readLoggedModel,
  readModelVersion,
  readModelVersions,
  readRegisteredModel,
  readRun,
} from './mlflow-answers.ts';
import {
  type LoggedModel,
  type ModelRegistry,
  type ModelVersion,
  type RegisteredModel,
  RegistryError,
  type Run,
} from './registry.ts';

/** A parsed JSON document, and what to call it in errors: for example a file's name. */
export interface Document {
  readonly name: string;
  readonly content: unknown;
}

/** A registry of what the given answers say, and nothing else. */
export interface FileRegistry extends ModelRegistry {
  /** Takes one answer more. Throws InvalidEvaluation for one that cannot be read, and has nothing of it then. */
  add(answer: Document): void;
  /** The versions registered from a run, each once, in the order given. */
  versionsOf(runId: string): readonly ModelVersion[];
  /** The versions made from a logged model, each once, in the order given. */
  versionsOfModel(modelId: string): readonly ModelVersion[];
}

/** Which answer of MLflow's REST API an object is, by its shape; undefined for what is none. */
export function kindOfAnswer(content: object): AnswerKind | undefined {
  return KINDS.find((kind) => {
    const held: unknown = Object.hasOwn(content, kind) ? Reflect.get(content, kind) : undefined;
    // A plain evaluation has a model_version too, which is a text.
    return kind === 'error_code' ? held !== undefined : typeof held === 'object' && held !== null;
  });
}

const KINDS = ['run', 'model', 'model_version', 'model_versions', 'registered_model', 'error_code'] as const;
type AnswerKind = (typeof KINDS)[number];

/**
 * A registry of saved answers of MLflow's REST API: `runs/get`, `logged-models/ID`, `model-versions/get`,
 * `model-versions/search`, `registered-models/get` and `registered-models/alias`. Errors that it answered are left out.
 *
 * @param answers What it has from the beginning.
 * @throws InvalidEvaluation when an answer cannot be read.
 */
export function registryFromAnswers(answers: readonly Document[] = []): FileRegistry {
  const runs = new Map<string, Run>();
  const versions = new Map<string, ModelVersion>();
  const aliases = new Map<string, string>();
  const models = new Map<string, LoggedModel>();
  const registered = new Map<string, RegisteredModel>();

  function addVersion(version: ModelVersion): void {
    versions.set(keyOf(version.name, version.version), version);
    for (const alias of version.aliases) {
      const at = keyOf(version.name, alias);
      if (!aliases.has(at)) aliases.set(at, version.version);
    }
  }

  function add({ name, content }: Document): void {
    switch (typeof content === 'object' && content !== null ? kindOfAnswer(content) : undefined) {
      case 'run': {
        const run = readRun(content, name);
        runs.set(run.id, run);
        break;
      }
      case 'model': {
        const model = readLoggedModel(content, name);
        models.set(model.id, model);
        break;
      }
      case 'model_version':
        addVersion(readModelVersion(content, name));
        break;
      case 'model_versions':
        for (const version of readModelVersions(content, name)) addVersion(version);
        break;
      case 'registered_model': {
        const model = readRegisteredModel(content, name);
        registered.set(model.name, model);
        for (const { alias, version } of model.aliases) aliases.set(keyOf(model.name, alias), version);
        for (const version of model.latestVersions) addVersion(version);
        break;
      }
    }
  }

  for (const answer of answers) add(answer);

  const found = (what: string): RegistryError =>
    new RegistryError('NotFound', `${what} is not among the documents given`);
  return {
    add,
    versionsOf: (runId) => [...versions.values()].filter((version) => version.runId === runId),
    versionsOfModel: (modelId) =>
      [...versions.values()].filter(
        (version) => version.modelId === modelId || version.source === `models:/${modelId}`,
      ),
    async run(id) {
      const run = runs.get(id);
      if (run === undefined) throw found(`run ${id}`);
      return run;
    },
    isComplete: false,
    async history(runId, metric) {
      const value = runs.get(runId)?.metrics.get(metric);
      return value === undefined ? [] : [value];
    },
    async loggedModel(id) {
      const model = models.get(id);
      if (model === undefined) throw found(`logged model ${id}`);
      return model;
    },
    async registeredModel(name) {
      const model = registered.get(name);
      if (model === undefined) throw found(`registered model ${name}`);
      return model;
    },
    async modelVersion(name, version) {
      const one = versions.get(keyOf(name, version));
      if (one === undefined) throw found(`model version ${name} ${version}`);
      return one;
    },
    async alias(name, alias) {
      const version = aliases.get(keyOf(name, alias));
      return version === undefined ? undefined : versions.get(keyOf(name, version));
    },
  };
}

/** Names of registered models have no slash. */
function keyOf(name: string, what: string): string {
  return `${name}/${what}`;
}
