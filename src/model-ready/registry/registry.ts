import type { ErrorCode } from '../../transport/errors.ts';

/** One value of a metric, as a registry keeps it. */
export interface MetricValue {
  /** May be NaN or infinite. */
  readonly value: number;
  readonly step: number;
  /** Unix time in ms. */
  readonly timestamp: number;
  /** The run that logged it; unknown where the registry does not say. */
  readonly runId?: string | undefined;
  /** The dataset it was measured on; absent where the run named none. */
  readonly dataset?: Dataset | undefined;
}

/** A dataset as MLflow tells datasets apart. */
export interface Dataset {
  readonly name: string;
  /** Changes with the content. */
  readonly digest?: string | undefined;
}

export interface Run {
  readonly id: string;
  /** `FINISHED`, `FAILED`, `RUNNING`, … */
  readonly status: string;
  readonly deleted: boolean;
  /** The last value of each metric, whichever model or dataset it belongs to; may be NaN or infinite. */
  readonly metrics: ReadonlyMap<string, MetricValue>;
  readonly tags: ReadonlyMap<string, string>;
  /** Ids of the models it logged or evaluated; empty for runs of MLflow 2. */
  readonly loggedModels: readonly string[];
  /** The datasets it was given. */
  readonly datasets: readonly Dataset[];
}

/** A model as a run logged it, from MLflow 3 on. A run may log several. */
export interface LoggedModel {
  readonly id: string;
  readonly name: string;
  /** `LOGGED_MODEL_READY`, `LOGGED_MODEL_PENDING`, `LOGGED_MODEL_UPLOAD_FAILED`; unknown where it is not said. */
  readonly status?: string | undefined;
  /** The run that logged it. */
  readonly runId?: string | undefined;
  /** Every value of every metric, from whichever run. */
  readonly metrics: ReadonlyMap<string, readonly MetricValue[]>;
  readonly tags: ReadonlyMap<string, string>;
}

/** A version of a registered model. */
export interface ModelVersion {
  readonly name: string;
  readonly version: string;
  readonly runId?: string | undefined;
  /** The logged model it was made from, where the registry says so outright. */
  readonly modelId?: string | undefined;
  /** `models:/m-…`, `models:/NAME/VERSION` for a copy, `runs:/…`, or a path. */
  readonly source?: string | undefined;
  /** `READY`, `PENDING_REGISTRATION`, …; unknown where it is not said. */
  readonly status?: string | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly aliases: readonly string[];
  /** When it was registered, in Unix ms; unknown where it is not said. */
  readonly createdAt?: number | undefined;
}

export interface RegisteredModel {
  readonly name: string;
  readonly tags: ReadonlyMap<string, string>;
}

/** Looks up runs and models. All methods throw {@link RegistryError}. */
export interface ModelRegistry {
  /** It knows everything that there is; saved answers know only what was saved. */
  readonly isComplete: boolean;
  run(id: string): Promise<Run>;
  /** All values that a run logged of a metric, without their datasets: MLflow does not tell these here. */
  history(runId: string, metric: string): Promise<readonly MetricValue[]>;
  loggedModel(id: string): Promise<LoggedModel>;
  modelVersion(name: string, version: string): Promise<ModelVersion>;
  registeredModel(name: string): Promise<RegisteredModel>;
  /** Undefined if the model has no such alias. */
  alias(name: string, alias: string): Promise<ModelVersion | undefined>;
}

/** A registry that can be written to. */
export interface WritableRegistry extends ModelRegistry {
  /** Sets a tag of a model version. */
  setVersionTag(name: string, version: string, key: string, value: string): Promise<void>;
}

/** A registry did not answer, or not with what was asked for. The message is one sentence. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError';
  readonly code: Extract<ErrorCode, 'NotFound' | 'Unavailable' | 'Denied' | 'Invalid'>;
  /** Whether asking again later may help. */
  readonly retryable: boolean;
  constructor(code: RegistryError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.code = code;
    this.retryable = code === 'Unavailable';
  }
}

/** `name@digest`, or the name alone. */
export function describeDataset({ name, digest }: Dataset): string {
  return digest === undefined ? name : `${name}@${digest}`;
}

/** What {@link describeDataset} says, read back; undefined if nothing is said. */
export function parseDataset(text: string | undefined): Dataset | undefined {
  if (text === undefined) return undefined;
  const at = text.lastIndexOf('@');
  const hasDigest = at > 0 && at < text.length - 1;
  return hasDigest ? { name: text.slice(0, at), digest: text.slice(at + 1) } : { name: text };
}

/** The tag by which MLflow tells prompts from models: both are in its registry. */
export const PROMPT = 'mlflow.prompt.is_prompt';
