import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { parseJson } from '../../src/message/json.ts';
import type { Evidence } from '../../src/model-ready/judge/evidence.ts';
import { judge } from '../../src/model-ready/judge/gate.ts';
import { type Document, readEvidence } from '../../src/model-ready/judge/inputs.ts';
import { createRestRegistry } from '../../src/model-ready/registry/mlflow-rest.ts';
import { exportAnswers } from './export-answers.ts';
import { type MlflowServer, startMlflowServer } from './server.ts';
import { VERDICTS } from './verdicts.ts';

const Case = z.object({
  case: z.string(),
  model: z.string(),
  version: z.string(),
  model_id: z.nullable(z.string()),
});
type Case = z.infer<typeof Case>;

let server: MlflowServer;
let cases: readonly Case[];
beforeAll(async () => {
  server = await startMlflowServer();
  cases = (await server.python('cases.py', server.url)).map((line) => Case.parse(line));
});
afterAll(() => server.stop());

const overRest = (one: Case): Promise<Evidence[]> =>
  readEvidence([{ name: one.case, content: `models:/${one.model}/${one.version}` }], {}, () =>
    createRestRegistry({ url: server.url }),
  );

it('has a verdict in the table for every case, and the other way round', () => {
  expect(cases.map((one) => one.case).toSorted()).toEqual(Object.keys(VERDICTS).toSorted());
});

describe.each(['over REST', 'from saved answers'])('%s', (way) => {
  let saved: readonly Document[];
  beforeAll(async () => {
    if (way === 'over REST') return;
    const texts = await exportAnswers(server.url, cases);
    saved = texts.map(({ name, text }) => ({ name, content: parseJson(text) }));
  });

  it.each(Object.entries(VERDICTS))('%s: %o', async (name, [verdict, value]) => {
    const one = cases.find((found) => found.case === name);
    if (one === undefined) throw new Error('it was not logged');
    // The server says that it has no such model; saved answers only lack it.
    if (way !== 'over REST' && UNKNOWN_TO_FILES.has(name)) return;
    const all = way === 'over REST' ? await overRest(one) : await readEvidence(saved);
    const [evidence, ...others] = all.filter(
      ({ model }) => model.model_name === one.model && model.model_version === one.version,
    );
    if (evidence === undefined) throw new Error('it was not judged');
    expect(others).toEqual([]);
    const judged = judge(evidence);
    expect(judged.verdict === 'announce' ? 'announce' : judged.code, judged.rules.at(-1)?.detail).toBe(
      verdict,
    );
    if (value !== undefined) expect(evidence.candidate.value).toBe(value);
    if (judged.verdict === 'announce' && one.model_id !== null) {
      expect(judged.message).toMatchObject({ model_id: one.model_id, current_value: value });
    }
  });
});

/** What is deleted or has no logged model is not among saved answers, or not as such. */
const UNKNOWN_TO_FILES: ReadonlySet<string> = new Set([
  'logged model deleted',
  'a prompt',
  'two datasets of a run',
]);
