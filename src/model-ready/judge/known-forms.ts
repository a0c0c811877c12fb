import { kindOfAnswer } from '../registry/mlflow-files.ts';
import { InvalidEvaluation, show } from './evaluation.ts';

/**
 * Brings what programs of MLflow write into the form of its REST API: a run as `mlflow runs describe` prints it, and
 * `run.to_dictionary()` returns it, and one of an old server whose id is its `run_uuid`. Anything else stays as it is.
 *
 * @param source Which input it is, for errors.
 * @throws InvalidEvaluation for an object that is none of these, nor an evaluation: one sentence that says what is wanted.
 */
export function inKnownForm(content: unknown, source: string): unknown {
  if (!isObject(content)) return content;
  if (isDescribed(content)) {
    const { info, data, inputs, outputs, ...beside } = content;
    return { ...beside, run: withId({ info, data: asData(data), inputs, outputs }) };
  }
  if (isObject(content['run'])) return { ...content, run: withId(content['run']) };
  if (kindOfAnswer(content) === undefined && !NAMES.some((name) => Object.hasOwn(content, name))) {
    throw new InvalidEvaluation([{ path: '', ...describe(content) }], source);
  }
  return content;
}

/** What it seems to be, and what is wanted instead. */
function describe(content: JsonObject): { expected: string; found: string } {
  const other = OTHERS.find(({ keys }) => keys.some((key) => Object.hasOwn(content, key)));
  if (other !== undefined) return { expected: other.expected, found: other.found };
  const keys = Object.keys(content).slice(0, 3);
  return {
    expected: `an evaluation with ${NAMES.join(', ')}, or ${RUN}`,
    found: keys.length === 0 ? '{}' : `an object with ${show(keys.join(', '))}`,
  };
}

/** Of an evaluation. */
const NAMES = ['model_name', 'model_version', 'token_symbol', 'metric_name'];

const RUN = "a run as MLflow's runs/get or `mlflow runs describe` answers it";

/** Documents that people take for an evaluation, by a key that only they have. */
const OTHERS = [
  { keys: ['mlflow'], expected: RUN, found: 'an export of mlflow-export-import' },
  {
    keys: ['binary_classification_metrics', 'multiclass_classification_metrics', 'regression_metrics'],
    expected: 'an evaluation that names model, metric and baseline',
    found: 'an evaluation report of SageMaker, which names neither',
  },
] as const satisfies readonly { keys: readonly string[]; expected: string; found: string }[];

type JsonObject = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Its metrics and tags are objects; those of the REST API are lists. */
function isDescribed(
  content: JsonObject,
): content is JsonObject & { readonly info: JsonObject; readonly data: JsonObject } {
  const { info, data } = content;
  return isObject(info) && isObject(data) && ('run_id' in info || 'run_uuid' in info);
}

function asData(data: JsonObject): JsonObject {
  return { ...data, metrics: asList(data['metrics']), tags: asList(data['tags']) };
}

function asList(found: unknown): unknown {
  return isObject(found) ? Object.entries(found).map(([key, value]) => ({ key, value })) : found;
}

function withId(run: JsonObject): JsonObject {
  const { info } = run;
  if (!isObject(info) || info['run_id'] || !info['run_uuid']) return run;
  return { ...run, info: { ...info, run_id: info['run_uuid'] } };
}
