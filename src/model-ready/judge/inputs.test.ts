import { expect, test, vi } from 'vitest';
import {
  exampleAnswers,
  exampleAnswersOf,
  expectedModels,
  plainEvaluation,
} from '../../../test/support/model-examples.ts';
import { registryFromAnswers } from '../registry/mlflow-files.ts';
import { RegistryError } from '../registry/registry.ts';
import { InvalidEvaluation } from './evaluation.ts';
import type { Evidence } from './evidence.ts';
import { judge } from './gate.ts';
import { readEvidence } from './inputs.ts';

const noServer = (): never => {
  throw new Error('the MLflow server was asked for');
};
const read = (...contents: unknown[]): Promise<Evidence[]> =>
  readEvidence(
    contents.map((content, index) => ({ name: `input ${index}`, content })),
    {},
    noServer,
  );

function codeOf(evidence: Evidence | undefined): string {
  if (evidence === undefined) return 'not there';
  const judged = judge(evidence);
  return judged.verdict === 'announce' ? 'announce' : judged.code;
}

/** A run's answer with the least in it, and what is given besides. */
function runAnswer(id: string, tags: Record<string, string>, metrics: object[], besides: object = {}) {
  const list = Object.entries(tags).map(([key, value]) => ({ key, value }));
  return { run: { info: { run_id: id, status: 'FINISHED' }, data: { metrics, tags: list } }, ...besides };
}
const accuracy = (value: number | string, step?: number, timestamp?: number) => ({
  key: 'accuracy',
  value,
  ...(step !== undefined && { step }),
  ...(timestamp !== undefined && { timestamp }),
});
const named = { model_name: 'm', model_version: '2' };
const judgedBy = { 'benchmark.metric': 'accuracy', token_symbol: 'tok' };

test('all example answers together come out as expected', async () => {
  const evaluations = await readEvidence(exampleAnswers(), {}, noServer);
  for (const expected of expectedModels()) {
    const { registered_model, version, run_id, value, metric, direction, token_symbol } = expected;
    const found = evaluations.filter((one) => one.model.mlflow_run_id === run_id);
    expect(found, `${registered_model} ${version}`).toHaveLength(1);
    const [evaluation] = found;
    if (evaluation === undefined) continue;
    expect(evaluation).toMatchObject({
      metric,
      policy: { direction },
      candidate: { value: Number(value) },
      model: {
        model_name: registered_model,
        model_version: version,
        token_symbol,
        model_id: expect.stringMatching(/^m-[0-9a-f]{32}$/),
        source_uri: `models:/${evaluation.model.model_id}`,
      },
    });
    if (expected.should_pass !== null) expect(evaluation.baselines[0]?.value).toBe(expected.baseline);
    expect(judge(evaluation).verdict).toBe(expected.should_pass ? 'announce' : 'reject');
  }
  expect(evaluations.map((one) => [one.model.model_name, one.model.model_version, codeOf(one)])).toEqual([
    ['bc-diagnosis', '1', 'is_baseline'],
    ['bc-diagnosis', '2', 'not_better'],
    ['bc-diagnosis', '3', 'not_better'],
    ['bc-diagnosis', '4', 'metric_not_finite'],
    ['diabetes-progression', '1', 'is_baseline'],
    ['diabetes-progression', '2', 'announce'],
    ['diabetes-progression', '3', 'announce'],
    [null, null, 'run_not_finished'],
    ['iris-species', '1', 'not_better'],
    ['iris-species', '2', 'announce'],
    ['iris-species', '3', 'not_better'],
  ]);
});

test("carries the user's tags, not MLflow's", async () => {
  const [evaluation] = await readEvidence(
    exampleAnswersOf('run.iris-species.v2', 'model-version.iris-species.v2'),
  );
  expect(evaluation?.model.tags).toEqual({
    token_symbol: 'iris-x',
    role: 'candidate',
    validation_status: 'passed',
    'benchmark.dataset': 'iris',
    'benchmark.metric': 'log_loss',
    'benchmark.direction': 'lower',
    'baseline.run_id': '19c08ce9e30d44e98a56ff989b237c5e',
    'baseline.value': '0.2095967341124123',
  });
});

test.each(['model-version.', 'model-versions-search.', 'registered-model.'])(
  'the run is matched with a version told of by %s',
  async (kind) => {
    const [evaluation] = await readEvidence(
      exampleAnswersOf('run.iris-species.v3', `${kind}iris-species`),
      {},
      noServer,
    );
    expect(evaluation?.model).toMatchObject({ model_name: 'iris-species', model_version: '3' });
  },
);

test('a run without a version is not registered', async () => {
  const [evaluation] = await readEvidence(exampleAnswersOf('run.iris-species.v2'), {}, noServer);
  expect(codeOf(evaluation)).toBe('not_registered');
});

test('unless its name and version are given beside it', async () => {
  const [run] = exampleAnswersOf('run.iris-species.v2');
  const [evaluation] = await read({ ...run?.content, model_name: 'iris-species', model_version: '9' });
  expect(evaluation?.model).toMatchObject({
    model_name: 'iris-species',
    model_version: '9',
    model_id: 'm-35d4cf0eccb949f0915046063977155e',
  });
  expect(codeOf(evaluation)).toBe('announce');
  await expect(read({ ...run?.content, model_name: 'iris-species' })).rejects.toThrow(
    'input 0: model_version: expected both or none, found nothing',
  );
  await expect(read({ ...run?.content, model_version: '9' })).rejects.toThrow(
    'input 0: model_name: expected',
  );
});

test('a run registered as two models is judged as both; given twice, once', async () => {
  const run = runAnswer('r', { ...judgedBy, 'baseline.value': '0.5' }, [accuracy(0.6)]);
  const version = (name: string) => ({ model_version: { name, version: '1', run_id: 'r' } });
  const evaluations = await read(run, version('a'), [version('b'), run]);
  expect(evaluations.map((one) => one.model.model_name)).toEqual(['a', 'b']);
});

test.each([
  ['by step', [accuracy(0.7, 2, 1), accuracy(0.6, 1, 9)], 0.7],
  ['by time within a step', [accuracy(0.7, 1, 5), accuracy(0.6, 1, 4)], 0.7],
  ['by place otherwise', [accuracy(0.6), accuracy(0.7)], 0.7],
  ['NaN, too', [accuracy(0.6, 1), accuracy('NaN', 2)], Number.NaN],
])('the last value of a metric counts: %s', async (_, metrics, expected) => {
  const [evaluation] = await read(runAnswer('r', judgedBy, metrics, named));
  expect(evaluation?.candidate.value).toBe(expected);
});

test.each([
  ['0.5', 0.5],
  ['1e-05', 1e-5],
  [' -2. ', -2],
  ['nan', Number.NaN],
  ['NaN', Number.NaN],
  ['inf', Infinity],
  ['-Infinity', -Infinity],
])('the tag baseline.value %o', async (tag, expected) => {
  const [evaluation] = await read(runAnswer('r', { ...judgedBy, 'baseline.value': tag }, [], named));
  expect(evaluation?.baselines[0]?.value).toBe(expected);
});

test('a champion whose run is not there is no baseline', async () => {
  const champion = { model_version: { name: 'm', version: '1', run_id: 'gone', aliases: ['champion'] } };
  const [evaluation] = await read(runAnswer('r', judgedBy, [accuracy(1)], named), champion);
  expect(codeOf(evaluation)).toBe('missing_baseline');
});

test('a version without a run has nothing to be judged by', async () => {
  const open = () =>
    registryFromAnswers([{ name: 'f', content: { model_version: { name: 'm', version: '1' } } }]);
  const [evaluation] = await readEvidence([{ name: 'given', content: 'models:/m/1' }], {}, open);
  expect(codeOf(evaluation)).toBe('missing_metric');
});

test('which of the models that a run logged it is, its source says, or nothing does', async () => {
  const outputs = { model_outputs: [{ model_id: 'm-1' }, { model_id: 'm-2' }] };
  const run = { ...runAnswer('r', judgedBy, [accuracy(0.9)]) };
  const withModels = { run: { ...run.run, outputs } };
  const version = (source: string | null) => ({
    model_version: { name: 'm', version: '1', run_id: 'r', source },
  });
  const [said] = await read(withModels, version('models:/m-1'));
  expect(said?.model.model_id).toBe('m-1');
  // The saved answers lack the logged model: the run's value may be the other one's.
  expect(codeOf(said)).toBe('ambiguous_metric');
  for (const source of ['mlflow-artifacts:/1/r/artifacts/model', null]) {
    const [unsaid] = await read(withModels, version(source));
    expect(unsaid?.model.model_id).toBeUndefined();
    expect(codeOf(unsaid)).toBe('ambiguous_metric');
  }
});

test('a registry that is away is not taken for one without a baseline', async () => {
  const files = registryFromAnswers([
    { name: 'run', content: runAnswer('r', { ...judgedBy, 'baseline.run_id': 'old' }, [accuracy(1)]) },
    { name: 'version', content: { model_version: { name: 'm', version: '1', run_id: 'r' } } },
  ]);
  const away = new RegistryError('Unavailable', 'away');
  const reading = readEvidence([{ name: 'given', content: 'models:/m/1' }], {}, () => ({
    ...files,
    run: (id) => (id === 'old' ? Promise.reject(away) : files.run(id)),
  }));
  await expect(reading).rejects.toBe(away);
});

test('a baseline of which nothing is known is missing', async () => {
  const empty = { 'baseline.value': '', 'baseline.run_id': '' };
  const elsewhere = { 'baseline.run_id': 'gone' };
  const withoutMetric = { 'baseline.run_id': 'other' };
  for (const tags of [{}, empty, elsewhere, withoutMetric]) {
    const other = runAnswer('other', {}, []);
    const [evaluation] = await read(runAnswer('r', { ...judgedBy, ...tags }, [accuracy(1)], named), other);
    expect(codeOf(evaluation)).toBe('missing_baseline');
  }
});

test("the baseline's run is looked up where only its id is given; a run may name itself", async () => {
  const tags = { ...judgedBy, 'baseline.run_id': 'old' };
  const old = runAnswer('old', tags, [accuracy(0.5)], { model_name: 'm', model_version: '1' });
  const evaluations = await read(runAnswer('new', tags, [accuracy(0.6)], named), old);
  expect(evaluations.map(codeOf)).toEqual(['announce', 'is_baseline']);
  expect(evaluations[0]?.baselines[0]?.value).toBe(0.5);
});

test('without tags the champion is the baseline, as the registered model says', async () => {
  const run = runAnswer('new', judgedBy, [accuracy(0.6)], named);
  const champion = runAnswer('old', judgedBy, [accuracy(0.7)]);
  // Saved before the alias was moved to version 1.
  const stale = { model_version: { name: 'm', version: '2', run_id: 'new', aliases: ['champion'] } };
  const model = {
    registered_model: {
      name: 'm',
      latest_versions: [{ name: 'm', version: '1', run_id: 'old' }],
      aliases: [{ alias: 'champion', version: '1' }],
    },
  };
  const noRun = { model_version: { name: 'm', version: '1', run_id: '', aliases: ['champion'] } };
  expect((await read(run, champion, stale, model)).map(codeOf)).toEqual(['not_better', 'is_baseline']);
  expect((await read(run, champion, model, stale)).map(codeOf)).toEqual(['not_better', 'is_baseline']);
  expect((await read(run, stale)).map(codeOf)).toEqual(['is_baseline']);
  expect((await read(run, noRun)).map(codeOf)).toEqual(['missing_baseline']);
});

test('tags of the version count where the run has none', async () => {
  const tags = [
    { key: 'token_symbol', value: 'of-version' },
    { key: 'benchmark.metric', value: 'accuracy' },
    { key: 'contributor_address', value: `0x${'a'.repeat(40)}` },
    { key: 'note' },
  ];
  const [evaluation] = await read(runAnswer('r', { token_symbol: 'of-run' }, [accuracy(1)]), {
    model_version: { name: 'm', version: '1', run_id: 'r', tags, status: 'PENDING_REGISTRATION' },
  });
  expect(evaluation?.metric).toBe('accuracy');
  expect(evaluation?.model).toMatchObject({
    token_symbol: 'of-run',
    contributor_address: `0x${'a'.repeat(40)}`,
    version_status: 'PENDING_REGISTRATION',
    tags: { note: '' },
  });
  expect(evaluation?.model.model_id).toBeUndefined();
});

test.each([
  [
    { 'benchmark.direction': 'sideways' },
    'its tag benchmark.direction cannot be understood: expected higher or lower',
  ],
  [
    { token_symbol: 'a b' },
    'its tag token_symbol cannot be understood: expected 1 to 64 letters, digits and "-"',
  ],
  [
    { 'baseline.value': 'high' },
    'its tag baseline.value cannot be understood: expected a number such as 0.8, or 80%',
  ],
  [
    { contributor_address: '0x12' },
    'its tag contributor_address cannot be understood: expected 0x and 40 hexadecimal digits',
  ],
])('a tag that cannot be understood rejects the model, and is named: %o', async (tags, reason) => {
  const [evaluation] = await read(runAnswer('r', { ...judgedBy, ...tags }, [accuracy(1)], named));
  if (evaluation === undefined) throw new Error('nothing was read');
  expect(judge(evaluation)).toMatchObject({ verdict: 'reject', code: 'invalid_tag', reason });
});

test('tags are understood as people write them', async () => {
  const tags = {
    'benchmark.metric': 'gain',
    'benchmark.direction': 'Maximize',
    'baseline.value': '80%',
    token_symbol: 'Tok-X',
  };
  const metrics = [{ key: 'gain', value: 0.9 }];
  const [evaluation] = await read(runAnswer('r', tags, metrics, named));
  if (evaluation === undefined) throw new Error('nothing was read');
  expect(judge(evaluation)).toMatchObject({
    message: { token_symbol: 'tok-x', metric_direction: 'higher', baseline_value: 0.8 },
  });
});

test('a long tag that judges nothing stays behind', async () => {
  const tags = { ...judgedBy, 'baseline.value': '0.5', model_card: 'x'.repeat(20_000), note: 'y' };
  const [evaluation] = await read(runAnswer('r', tags, [accuracy(0.6)], named));
  expect(evaluation?.model.tags).toEqual({ ...judgedBy, 'baseline.value': '0.5', note: 'y' });
  expect(codeOf(evaluation)).toBe('announce');
});

test.each([
  [{ run: {} }, 'input 0: run.info: expected a JSON object, found nothing'],
  [{ run: { info: { run_id: 'r' } } }, 'input 0: run.info.status: expected a text, found nothing'],
  [
    runAnswer('r', {}, [{ key: 'accuracy', value: 'high' }]),
    'input 0: run.data.metrics.0.value: expected a number, "NaN", "Infinity" or "-Infinity", found "high"',
  ],
  [{ model_version: { name: 'm', version: 3 } }, 'input 0: model_version.version: expected a text, found 3'],
  [{ model_versions: {} }, 'input 0: model_versions: expected a list, found {}'],
  [
    { registered_model: { name: '' } },
    'input 0: registered_model.name: expected a text that is not empty, found ""',
  ],
])('an answer that cannot be read is named: %o', async (answer, message) => {
  await expect(read(answer)).rejects.toThrow(message);
  await expect(read(answer)).rejects.toBeInstanceOf(InvalidEvaluation);
});

test('empty lists may be left out of answers', async () => {
  const empty = [{ model_versions: [] }, { registered_model: { name: 'm' } }];
  const bare = { run: { info: { run_id: 'r', status: 'FINISHED' }, outputs: {} }, ...named };
  const [evaluation] = await read(bare, ...empty);
  expect(evaluation).toMatchObject({
    metric: null,
    model: { model_name: 'm', token_symbol: null, tags: {} },
  });
  expect(codeOf(evaluation)).toBe('missing_metric');
});

test('plain evaluations, lists and runs are judged in the order given', async () => {
  const evaluations = await read(
    plainEvaluation(),
    [plainEvaluation({ model_version: '8' }), [plainEvaluation({ model_version: '9' })]],
    runAnswer('r', judgedBy, [], named),
  );
  expect(evaluations.map((one) => one.model.model_version)).toEqual(['7', '8', '9', '2']);
});

test('what is wrong in a list is named by its place', async () => {
  await expect(read([plainEvaluation(), plainEvaluation({ token_symbol: 1 })])).rejects.toThrow(
    'input 0[1]: token_symbol: expected 1 to 64 of a-z, 0-9 and "-", found 1',
  );
});

test.each([
  [[], 'expected an evaluation, an MLflow run or models:/NAME/VERSION, found nothing'],
  [[[]], 'found nothing'],
  [
    exampleAnswersOf('error.run').map(({ content }) => content),
    'found {"error_code":"RESOURCE_DOES_NOT_EXIST"',
  ],
  [exampleAnswersOf('registered-model.iris').map(({ content }) => content), 'found {"registered_model":'],
])('nothing to judge is an error', async (contents, message) => {
  await expect(read(...contents)).rejects.toThrow(message);
});

test.each([
  'models:/iris-species',
  'models:/iris/latest',
  'models:/iris@',
  'models:/m-abc',
  'iris/2',
  '',
  'models:/a/b/1',
])('%o is no reference', async (reference) => {
  await expect(read(reference)).rejects.toThrow(
    `input 0: expected models:/NAME/VERSION, its version a number, models:/NAME@ALIAS, or a JSON object, found "${reference}"`,
  );
});

test('references are looked up at the server, which is opened once, once all is read', async () => {
  const open = vi.fn(() => registryFromAnswers(exampleAnswers()));
  const inputs = ['models:/iris-species@champion', plainEvaluation(), 'models:/bc-diagnosis/4'].map(
    (content) => ({
      name: 'given',
      content,
    }),
  );
  const evaluations = await readEvidence(inputs, {}, open);
  expect(evaluations.map(codeOf)).toEqual(['announce', 'announce', 'metric_not_finite']);
  expect(open).toHaveBeenCalledTimes(1);
  await expect(readEvidence([...inputs, { name: 'wrong', content: 1 }], {}, open)).rejects.toThrow('wrong: ');
  expect(open).toHaveBeenCalledTimes(1);
});

test('what the registry does not know is not found', async () => {
  const open = () => registryFromAnswers(exampleAnswers());
  const reading = readEvidence([{ name: 'given', content: 'models:/iris-species/99' }], {}, open);
  await expect(reading).rejects.toThrow('model version iris-species 99 is not among the documents given');
  await expect(reading).rejects.toMatchObject({ code: 'NotFound', retryable: false });
  await expect(reading).rejects.toBeInstanceOf(RegistryError);
  const alias = readEvidence([{ name: 'given', content: 'models:/iris-species@nobody' }], {}, open);
  await expect(alias).rejects.toThrow('iris-species has no alias nobody');
});

test('inputs that cannot be read are told and left out, if somebody wants to be told', async () => {
  const told: string[] = [];
  const run = exampleAnswersOf('run.iris-species.v2')[0]?.content ?? {};
  const evaluations = await readEvidence(
    [
      { name: 'report.json', content: { accuracy: 0.9 } },
      { name: 'list', content: [plainEvaluation(), plainEvaluation({ token_symbol: 7 })] },
      { name: 'run.json', content: { run: { info: { run_id: 7 } } } },
      { name: 'half.json', content: { ...run, model_name: 'iris-species' } },
      { name: 'reference', content: 'models:/nothing' },
      { name: 'good.json', content: plainEvaluation({ model_version: '8' }) },
    ],
    {},
    () => {
      throw new Error('nothing is looked up');
    },
    ({ message }) => told.push(message),
  );
  expect(evaluations.map(({ model }) => model.model_version)).toEqual(['7', '8']);
  expect(told.map((message) => message.split(':')[0])).toEqual([
    'report.json',
    'run.json',
    'list[1]',
    'half.json',
    'reference',
  ]);
  const nothing = [{ name: 'report.json', content: { accuracy: 0.9 } }];
  expect(await readEvidence(nothing, {}, undefined, () => {})).toEqual([]);
});
