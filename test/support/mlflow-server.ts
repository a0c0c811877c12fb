import type { ServerResponse } from 'node:http';
import { type Received, serveHttp } from './http-server.ts';
import { exampleAnswersOf, exampleText } from './model-examples.ts';

/** A server that answers MLflow's REST API as the one did that the examples come from, until it is stopped. */
export function startMlflow(): ReturnType<typeof serveHttp> {
  return serveHttp(answerAsMlflow);
}

const MISSING_RUN = 'error.run-missing.json';
const MISSING_VERSION = 'error.model-version-missing.json';

/** As MLflow 3.17 answers for any alias, with 400. */
const MISSING_ALIAS = exampleText('alias.bc-diagnosis.challenger.json');

const byFile = (start: string) =>
  new Map(exampleAnswersOf(start).map(({ name }) => [name.replace(/\.json$/, ''), exampleText(name)]));

const versions = byFile('model-version.');
const aliases = byFile('alias.');
const models = byFile('registered-model.');
const runs = new Map<string, string>([...byFile('run.').values()].map((text) => [runId(text), text]));

/** Answers one request of the REST API. */
export function answerAsMlflow({ url }: Received, response: ServerResponse): void {
  const asked = (key: string): string => url.searchParams.get(key) ?? '';
  const answer = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
  const path = url.pathname.replace('/api/2.0/mlflow/', '');
  const [, modelId] = /^logged-models\/(m-[0-9a-f]+)$/.exec(path) ?? [];
  if (modelId !== undefined) {
    answer(200, loggedModel(modelId));
    return;
  }
  switch (path) {
    case 'runs/get': {
      const run = runs.get(asked('run_id'));
      answer(run === undefined ? 404 : 200, run ?? exampleText(MISSING_RUN));
      break;
    }
    case 'registered-models/get': {
      const model = models.get(`registered-model.${asked('name')}`);
      answer(model === undefined ? 404 : 200, model ?? exampleText(MISSING_RUN));
      break;
    }
    case 'metrics/get-history': {
      const { metrics = [] } = JSON.parse(runs.get(asked('run_id')) ?? '{"run":{"data":{}}}').run.data;
      const named = metrics.filter(({ key }: { key: string }) => key === asked('metric_key'));
      answer(200, JSON.stringify({ metrics: named }));
      break;
    }
    case 'model-versions/get': {
      const version = versions.get(`model-version.${asked('name')}.v${asked('version')}`);
      answer(version === undefined ? 404 : 200, version ?? exampleText(MISSING_VERSION));
      break;
    }
    case 'registered-models/alias': {
      const alias = aliases.get(`alias.${asked('name')}.${asked('alias')}`) ?? MISSING_ALIAS;
      answer('error_code' in JSON.parse(alias) ? 400 : 200, alias);
      break;
    }
    default:
      answer(500, '{}');
  }
}

function runId(answer: string): string {
  return JSON.parse(answer).run.info.run_id;
}

/** The logged model of a run's only output: with the run's metrics, a NaN as the SQL store answers it. */
function loggedModel(id: string): string {
  const [run] = [...runs.values()].filter((text) => text.includes(id)).map((text) => JSON.parse(text).run);
  const run_id = run.info.run_id;
  const metrics = run.data.metrics.map((metric: { value: unknown }) => ({
    ...metric,
    value: metric.value === 'NaN' ? 0 : metric.value,
    model_id: id,
    run_id,
  }));
  const info = { model_id: id, name: 'model', status: 'LOGGED_MODEL_READY', source_run_id: run_id };
  return JSON.stringify({ model: { info, data: { metrics } } });
}
