import {
  type Dataset,
  describeDataset,
  type MetricValue,
  type ModelRegistry,
  type Run,
} from '../registry/registry.ts';
import { byDataset, chooseDataset, type DatasetChoice, type DatasetValues, isNamed } from './datasets.ts';
import type { Measured, Problem } from './evidence.ts';
import { ambiguous, findRun, type Subject } from './subject.ts';

/**
 * The value of a metric that counts for a model. From MLflow 3 on that is its logged model's: on the dataset that is
 * chosen, from the run that logged last, at the greatest step, the latest one. Only a model without one, or the only
 * model of its run, has the run's value.
 */
export async function measure(
  registry: ModelRegistry,
  subject: Subject,
  metric: string,
  choice: DatasetChoice = {},
): Promise<Measured> {
  if (subject.problem) return { from: 'not looked up', problem: subject.problem };
  const values = subject.model?.metrics.get(metric) ?? [];
  const measured =
    values.length > 0
      ? await valueOfModel(registry, subject, metric, chooseDataset(byDataset(values), choice), values)
      : await valueOfRun(registry, subject, metric, choice);
  return { ...measured, ...(await precisionOf(registry, subject, metric, measured.dataset)) };
}

async function valueOfModel(
  registry: ModelRegistry,
  subject: Subject,
  metric: string,
  chosen: DatasetValues | Problem | undefined,
  all: readonly MetricValue[],
): Promise<Measured> {
  const model = `logged model ${subject.modelId}`;
  if (chosen === undefined) {
    const there = byDataset(all).map(({ dataset }) => (dataset ? describeDataset(dataset) : 'none'));
    return {
      from: model,
      problem: {
        code: 'missing_metric',
        reason: `it has no value of ${metric} on the dataset that is asked for, but on ${there.join(', ')}`,
      },
    };
  }
  if ('code' in chosen) return { from: model, problem: chosen };
  const last = lastLogged(chosen.values);
  const from = `${model}, run ${last.runId ?? '?'}, step ${last.step}${chosen.dataset ? `, dataset ${describeDataset(chosen.dataset)}` : ''}`;
  const value = await asLogged(registry, metric, last);
  const measured: Measured = { value, from, dataset: chosen.dataset };
  return { ...measured, ...(await problemOfEvaluation(registry, subject, last.runId)) };
}

/** From the run that logged last: the greatest step there, and of that the latest. */
function lastLogged(values: readonly MetricValue[]): MetricValue {
  const latest = values.reduce((last, one) => (one.timestamp >= last.timestamp ? one : last));
  return values
    .filter(({ runId }) => runId === latest.runId)
    .reduce((last, one) =>
      one.step > last.step || (one.step === last.step && one.timestamp >= last.timestamp) ? one : last,
    );
}

/**
 * MLflow's SQL stores answer 0 for a logged model's NaN. The run's history still tells them apart. If two values were
 * logged in the same millisecond at the same step, one NaN is enough: a model is not announced on a doubt.
 */
async function asLogged(
  registry: ModelRegistry,
  metric: string,
  { value, runId, step, timestamp }: MetricValue,
): Promise<number> {
  if (value !== 0 || runId === undefined) return value;
  const history = await registry.history(runId, metric);
  const wasNaN = history.some(
    (one) => Number.isNaN(one.value) && one.step === step && one.timestamp === timestamp,
  );
  return wasNaN ? Number.NaN : value;
}

/** A model may have been evaluated in another run than its own: that one must not be deleted or have failed either. */
async function problemOfEvaluation(
  registry: ModelRegistry,
  { run }: Subject,
  runId: string | undefined,
): Promise<{ problem?: Problem }> {
  if (runId === undefined || runId === run?.id) return {};
  const evaluation = await findRun(registry, runId);
  if (evaluation === undefined) {
    return registry.isComplete ? { problem: deleted(`run ${runId}, which evaluated it,`) } : {};
  }
  const problem = problemOfRun(evaluation, `run ${runId}, which evaluated it,`);
  return problem ? { problem } : {};
}

/** Why nothing that a run says counts; undefined if it does. */
export function problemOfRun({ deleted: isDeleted, status }: Run, what: string): Problem | undefined {
  if (isDeleted) return deleted(what);
  if (status === 'FINISHED') return undefined;
  return {
    code: 'run_not_finished',
    reason: `${what} is ${status}, not FINISHED`,
    mayPass: status === 'RUNNING' || status === 'SCHEDULED',
  };
}

function deleted(what: string): Problem {
  return { code: 'run_deleted', reason: `${what} is deleted` };
}

async function valueOfRun(
  registry: ModelRegistry,
  subject: Subject,
  metric: string,
  { wanted }: DatasetChoice,
): Promise<Measured> {
  const { run, modelId } = subject;
  const value = run?.metrics.get(metric);
  if (run === undefined || value === undefined) {
    return { from: run ? `run ${run.id}` : 'no run' };
  }
  const models = modelsOf(subject);
  if (models.length > 1) {
    const problem = modelId === undefined ? ambiguous(run, models) : ofAnyModel(run, metric, modelId, models);
    return { from: `run ${run.id}`, problem };
  }
  const from = `run ${run.id}, step ${value.step}`;
  const { dataset, problem } = await datasetOfRun(registry, run, metric, wanted);
  return { value: value.value, from, dataset, problem };
}

/** Every model that a value of the run may belong to. */
function modelsOf({ run, modelId }: Subject): string[] {
  return [...new Set([...(run?.loggedModels ?? []), ...(modelId === undefined ? [] : [modelId])])];
}

/** The model is known, and has no value of its own: that of the run may be another's. */
function ofAnyModel(run: Run, metric: string, modelId: string, ids: readonly string[]): Problem {
  return {
    code: 'ambiguous_metric',
    reason: `there is no ${metric} of logged model ${modelId}, and that of run ${run.id} may be of any of its models: ${ids.join(', ')} (log it with model_id=; of saved answers, add that of logged-models/${modelId})`,
  };
}

/** A run says which datasets it was given, and not which of its values belongs to which. */
async function datasetOfRun(
  registry: ModelRegistry,
  run: Run,
  metric: string,
  wanted: string | undefined,
): Promise<{ dataset?: Dataset | undefined; problem?: Problem }> {
  const [only, ...others] = run.datasets;
  if (only === undefined) return {};
  const names = run.datasets.map(describeDataset).join(', ');
  if (wanted !== undefined) {
    const fits = run.datasets.some((one) => isNamed(one, wanted));
    if (!fits) {
      const reason = `it has no value of ${metric} on the dataset that is asked for, but on ${names}`;
      return { problem: { code: 'missing_metric', reason } };
    }
  }
  if (others.length === 0) return { dataset: only };
  const history = await registry.history(run.id, metric);
  const lastStep = Math.max(...history.map(({ step }) => step));
  const last = new Set(history.filter(({ step }) => step === lastStep).map(({ value }) => value));
  if (last.size <= 1 && wanted === undefined) return {};
  const reason = `run ${run.id} was given ${run.datasets.length} datasets, and its ${metric} does not say which it belongs to: ${names} (log it with its dataset on a logged model)`;
  return { problem: { code: 'ambiguous_dataset', reason } };
}

/** How many examples a value was measured on, and its standard error, where either was logged beside it. */
async function precisionOf(
  registry: ModelRegistry,
  subject: Subject,
  metric: string,
  dataset: Dataset | undefined,
): Promise<Pick<Measured, 'examples' | 'standardError'>> {
  const beside = async (names: readonly string[]): Promise<number | undefined> => {
    for (const name of names) {
      const value = await besideOf(registry, subject, name, dataset);
      if (value !== undefined && Number.isFinite(value) && value > 0) return value;
    }
    return undefined;
  };
  const examples = await beside(['n_eval', 'example_count']);
  const standardError = await beside([`${metric}_se`, `${metric}_stderr`, `${metric}_standard_error`]);
  return { ...(examples && { examples }), ...(standardError && { standardError }) };
}

async function besideOf(
  registry: ModelRegistry,
  subject: Subject,
  name: string,
  dataset: Dataset | undefined,
): Promise<number | undefined> {
  const values = subject.model?.metrics.get(name);
  if (values === undefined) {
    return modelsOf(subject).length > 1 ? undefined : subject.run?.metrics.get(name)?.value;
  }
  const chosen = chooseDataset(byDataset(values), { like: dataset });
  if (chosen === undefined || 'code' in chosen) return undefined;
  return asLogged(registry, name, lastLogged(chosen.values));
}
