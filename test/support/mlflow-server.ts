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
const runs = new Map<string, string>([...byFile('run.').values()].map((text) => [runId(text), text]));

/** Answers one request of the REST API. */
export function answerAsMlflow({ url }: Received, response: ServerResponse): void {
  const asked = (key: string): string => url.searchParams.get(key) ?? '';
  const answer = (status: number, body: string): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
  switch (url.pathname.replace('/api/2.0/mlflow/', '')) {
    case 'runs/get': {
      const run = runs.get(asked('run_id'));
      answer(run === undefined ? 404 : 200, run ?? exampleText(MISSING_RUN));
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
