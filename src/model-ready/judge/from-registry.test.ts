import { expect, test } from 'vitest';
import { createFakeRegistry } from '../../../test/support/mlflow-registry.ts';
import type { ModelPolicies } from '../../config/policy.ts';
import type { ModelVersion } from '../registry/registry.ts';
import { evidenceOfVersion } from './from-registry.ts';
import { judge } from './gate.ts';

const TAGS: Readonly<Record<string, string>> = {
  'benchmark.metric': 'accuracy',
  token_symbol: 'tok',
  'baseline.value': '0.9',
};
const TEST_SET = { name: 'test', digest: 'd1' };
const TRAINING_SET = { name: 'train', digest: 'd2' };
type Fake = ReturnType<typeof createFakeRegistry>;

/** The verdict's code or `announce`, and the value that it is about. */
async function verdictOn(fake: Fake, version: ModelVersion, policies: ModelPolicies = {}) {
  const evidence = await evidenceOfVersion(fake.registry, version, { policies });
  const verdict = judge(evidence);
  return {
    code: verdict.verdict === 'announce' ? 'announce' : verdict.code,
    reason: verdict.verdict === 'announce' ? '' : verdict.reason,
    value: evidence.candidate.value,
    modelId: evidence.model.model_id,
    evidence,
    verdict,
  };
}

/** A version made from a logged model of its own run. */
function logged(
  fake: Fake,
  values: Parameters<Fake['model']>[2],
  tags = TAGS,
  number = '1',
  more: Partial<ModelVersion> = {},
) {
  fake.run(`r${number}`, tags, { loggedModels: [`m-${number}`] });
  fake.model(`m-${number}`, `r${number}`, values);
  return fake.version('churn', number, { runId: `r${number}`, source: `models:/m-${number}`, ...more });
}

test('the value is that of the logged model, not that of its run', async () => {
  const fake = createFakeRegistry();
  fake.run('r', TAGS, { loggedModels: ['m-weak', 'm-strong'] }, { accuracy: 0.95 });
  fake.model('m-weak', 'r', { accuracy: 0.71 });
  fake.model('m-strong', 'r', { accuracy: 0.95 });
  const weak = fake.version('churn', '1', { runId: 'r', source: 'models:/m-weak' });
  const strong = fake.version('churn', '2', { runId: 'r', source: 'models:/m-strong' });
  expect(await verdictOn(fake, weak)).toMatchObject({ code: 'not_better', value: 0.71 });
  expect(await verdictOn(fake, strong)).toMatchObject({ code: 'announce', value: 0.95, modelId: 'm-strong' });
});

test.each([
  ['runs:/r/m-strong', 'announce', 'm-strong'],
  [
    'mlflow-artifacts:/1/models/m-00000000000000000000000000000001/artifacts',
    'model_deleted',
    'm-00000000000000000000000000000001',
  ],
  ['runs:/r/other', 'ambiguous_metric', undefined],
  ['s3://bucket/model', 'ambiguous_metric', undefined],
])('of a run with two models, %s is %s', async (source, code, modelId) => {
  const fake = createFakeRegistry();
  fake.run('r', TAGS, { loggedModels: ['m-weak', 'm-strong'] }, { accuracy: 0.95 });
  fake.model('m-weak', 'r', { accuracy: 0.71 });
  fake.model('m-strong', 'r', { accuracy: 0.95 });
  const found = await verdictOn(fake, fake.version('churn', '1', { runId: 'r', source }));
  expect(found).toMatchObject({ code });
  expect(found.modelId).toBe(modelId);
});

test('a value of the run alone is of neither of its models', async () => {
  const fake = createFakeRegistry();
  fake.run('r', TAGS, { loggedModels: ['m-a', 'm-b'] }, { accuracy: 0.95 });
  fake.model('m-a', 'r', {});
  fake.model('m-b', 'r', {});
  const version = fake.version('churn', '1', { runId: 'r', source: 'models:/m-a' });
  const found = await verdictOn(fake, version);
  expect(found).toMatchObject({ code: 'ambiguous_metric', reason: expect.stringContaining('m-a, m-b') });
});

test('a copy of a copy has the values of the first version', async () => {
  const fake = createFakeRegistry();
  logged(fake, { accuracy: 0.97 });
  fake.version('staging', '4', { runId: 'r1', source: 'models:/churn/1' });
  const copy = fake.version('prod', '2', { runId: 'r1', source: 'models:/staging/4' });
  expect(await verdictOn(fake, copy)).toMatchObject({ code: 'announce', value: 0.97, modelId: 'm-1' });
});

test.each([
  ['models:/b/1', 'leads around in a circle'],
  ['models:/gone/1', 'is a copy of gone 1, which is not there any more'],
])('a source %s that leads nowhere is refused', async (source, reason) => {
  const fake = createFakeRegistry();
  const version = fake.version('a', '1', { source });
  fake.version('b', '1', { source: 'models:/a/1' });
  expect(await verdictOn(fake, version)).toMatchObject({
    code: 'invalid_source',
    reason: expect.stringContaining(reason),
  });
});

test('registered without a run, it has the tags of the run that logged the model', async () => {
  const fake = createFakeRegistry();
  logged(fake, { accuracy: 0.95 });
  const version = fake.version('churn', '9', { source: 'models:/m-1' });
  const found = await verdictOn(fake, version);
  expect(found).toMatchObject({ code: 'announce', evidence: { model: { mlflow_run_id: 'r1' } } });
});

test('of several evaluations the run that logged last counts, at its greatest step, the latest', async () => {
  const fake = createFakeRegistry();
  const version = logged(fake, {
    accuracy: [
      { value: 0.99, runId: 'first', step: 9, timestamp: 10 },
      { value: 0.94, runId: 'last', step: 2, timestamp: 20 },
      { value: 0.93, runId: 'last', step: 2, timestamp: 19 },
      { value: 0.91, runId: 'last', step: 1, timestamp: 30 },
    ],
  });
  fake.run('first');
  fake.run('last');
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'announce', value: 0.94 });
});

test.each([
  ['deleted', { deleted: true }, 'run_deleted'],
  ['failed', { status: 'FAILED' }, 'run_not_finished'],
  ['killed', { status: 'KILLED' }, 'run_not_finished'],
])('an evaluation in a run that was %s does not count', async (_, changes, code) => {
  const fake = createFakeRegistry();
  const version = logged(fake, { accuracy: [{ value: 0.99, runId: 'e' }] });
  fake.run('e', {}, changes);
  expect(await verdictOn(fake, version)).toMatchObject({ code });
});

test('a NaN of a logged model, which MLflow answers as 0, is none', async () => {
  const fake = createFakeRegistry();
  const tags = { ...TAGS, 'benchmark.metric': 'log_loss' };
  const version = logged(fake, { log_loss: [{ value: 0, timestamp: 5, step: 1 }] }, tags);
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'announce', value: 0 });
  fake.history('r1', 'log_loss', [{ value: Number.NaN, timestamp: 5, step: 1 }]);
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'metric_not_finite' });
});

test.each([
  [{}, 'ambiguous_dataset', undefined],
  [{ 'benchmark.dataset': 'test' }, 'not_better', 0.8],
  [{ 'benchmark.dataset': 'test@d1' }, 'not_better', 0.8],
  [{ 'benchmark.dataset': 'train' }, 'announce', 0.99],
  [{ 'benchmark.dataset': 'holdout' }, 'missing_metric', undefined],
])('of two datasets the tags %o choose: %s', async (tags, code, value) => {
  const fake = createFakeRegistry();
  const values = {
    accuracy: [
      { value: 0.8, dataset: TEST_SET },
      { value: 0.99, dataset: TRAINING_SET },
    ],
  };
  const version = logged(fake, values, { ...TAGS, ...tags });
  const found = await verdictOn(fake, version);
  expect(found.code).toBe(code);
  expect(found.value).toBe(value);
});

test('the champion is compared on the dataset of the candidate', async () => {
  const fake = createFakeRegistry();
  const champion = {
    accuracy: [
      { value: 0.93, dataset: TEST_SET },
      { value: 0.99, dataset: TRAINING_SET },
    ],
  };
  logged(fake, champion, TAGS, '1', { aliases: ['champion'] });
  const better = logged(fake, { accuracy: [{ value: 0.94, dataset: TEST_SET }] }, TAGS, '2');
  expect(await verdictOn(fake, better)).toMatchObject({
    code: 'announce',
    verdict: { message: { dataset: 'test@d1', baseline_value: 0.93 } },
  });
  const other = logged(
    fake,
    { accuracy: [{ value: 0.99, dataset: { name: 'test', digest: 'new' } }] },
    TAGS,
    '3',
  );
  expect(await verdictOn(fake, other)).toMatchObject({ code: 'different_dataset' });
  const named = logged(
    fake,
    { accuracy: [{ value: 0.99, dataset: { name: 'test', digest: 'new' } }] },
    { ...TAGS, 'benchmark.dataset': 'test' },
    '4',
  );
  expect(await verdictOn(fake, named)).toMatchObject({ code: 'different_dataset' });
});

test('a run with two datasets does not say which its value belongs to', async () => {
  const fake = createFakeRegistry();
  fake.run('r', TAGS, { datasets: [TEST_SET, TRAINING_SET] }, { accuracy: 0.99 });
  const version = fake.version('churn', '1', { runId: 'r', source: 'runs:/r/model' });
  const both = [
    { value: 0.8, step: 0, timestamp: 1 },
    { value: 0.99, step: 0, timestamp: 2 },
  ];
  fake.history('r', 'accuracy', both.slice(1));
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'announce' });
  fake.history('r', 'accuracy', both);
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'ambiguous_dataset' });
});

test('it has to beat the stated baseline and the live champion; the policy may say one alone', async () => {
  const fake = createFakeRegistry();
  logged(fake, { accuracy: 0.95 }, TAGS, '1', { aliases: ['champion'] });
  const frozen = { ...TAGS, 'baseline.value': '0.8' };
  const version = logged(fake, { accuracy: 0.85 }, frozen, '2');
  expect(await verdictOn(fake, version)).toMatchObject({
    code: 'not_better',
    reason: expect.stringContaining('of the champion (version 1)'),
  });
  expect(await verdictOn(fake, version, { churn: { baselines: 'stated' } })).toMatchObject({
    code: 'announce',
  });
  const best = logged(fake, { accuracy: 0.96 }, { ...TAGS, 'baseline.value': '0.97' }, '3');
  expect(await verdictOn(fake, best)).toMatchObject({
    code: 'not_better',
    reason: expect.stringContaining('0.97 of its baseline'),
  });
  expect(await verdictOn(fake, best, { churn: { baselines: 'champion' } })).toMatchObject({
    code: 'announce',
  });
});

test('the champion itself has nothing but its stated baseline to beat', async () => {
  const fake = createFakeRegistry();
  const stated = logged(fake, { accuracy: 0.95 }, TAGS, '1', { aliases: ['champion'] });
  expect(await verdictOn(fake, stated)).toMatchObject({ code: 'announce' });
  const { 'baseline.value': _, ...bare } = TAGS;
  const alone = logged(fake, { accuracy: 0.95 }, bare, '1', { aliases: ['champion'] });
  expect(await verdictOn(fake, alone)).toMatchObject({ code: 'is_baseline' });
});

test.each([
  ['deleted', { deleted: true }, 'baseline_deleted'],
  ['failed', { status: 'FAILED' }, 'baseline_failed'],
])('a baseline whose run was %s is not believed, stated or champion', async (_, changes, code) => {
  const fake = createFakeRegistry();
  const { 'baseline.value': __, ...bare } = TAGS;
  const version = logged(fake, { accuracy: 0.95 }, { ...bare, 'baseline.run_id': 'b' }, '2');
  fake.run('b', {}, changes, { accuracy: 0.1 });
  expect(await verdictOn(fake, version)).toMatchObject({ code });
  const live = logged(fake, { accuracy: 0.95 }, TAGS, '3');
  logged(fake, { accuracy: 0.1 }, TAGS, '1', { aliases: ['champion'] });
  fake.run('r1', TAGS, { loggedModels: ['m-1'], ...changes });
  expect(await verdictOn(fake, live)).toMatchObject({ code });
});

test.each([
  [
    'a deleted run',
    (fake: Fake) => fake.run('r1', TAGS, { deleted: true, loggedModels: ['m-1'] }),
    'run_deleted',
  ],
  [
    'a model whose upload failed',
    (fake: Fake) => fake.model('m-1', 'r1', { accuracy: 0.95 }, { status: 'LOGGED_MODEL_UPLOAD_FAILED' }),
    'model_not_ready',
  ],
  ['a prompt', (fake: Fake) => fake.tags('churn', { 'mlflow.prompt.is_prompt': 'true' }), 'not_a_model'],
])('%s is rejected', async (_, change, code) => {
  const fake = createFakeRegistry();
  const version = logged(fake, { accuracy: 0.95 });
  change(fake);
  expect(await verdictOn(fake, version)).toMatchObject({ code });
});

test('tags of the registered model are defaults below those of version and run', async () => {
  const fake = createFakeRegistry();
  fake.tags('churn', TAGS);
  const version = logged(fake, { accuracy: 0.94 }, { 'baseline.value': '0.95' });
  expect(await verdictOn(fake, version)).toMatchObject({ code: 'not_better' });
});

test.each([
  ['train_accuracy', 0.99, 'training_metric'],
  ['accuracy', 97.2, 'metric_out_of_range'],
  ['rmse', -1, 'metric_out_of_range'],
  ['roc_auc', Number.MAX_VALUE, 'metric_not_finite'],
  ['ndcg@10', 0.95, 'announce'],
  ['recall_at_k', 0.95, 'announce'],
])('%s of %d: %s', async (metric, value, code) => {
  const fake = createFakeRegistry();
  const version = logged(fake, { [metric]: value }, { ...TAGS, 'benchmark.metric': metric });
  expect(await verdictOn(fake, version)).toMatchObject({ code });
});

test('a policy sets what tags leave open, and tags override it', async () => {
  const fake = createFakeRegistry();
  const policies = { 'ch*': { metric: 'accuracy', floor: 0.96, minGain: 0.01 } };
  const { 'benchmark.metric': _, ...unnamed } = TAGS;
  const low = logged(fake, { accuracy: 0.95 }, unnamed);
  expect(await verdictOn(fake, low, policies)).toMatchObject({ code: 'below_floor' });
  const told = logged(
    fake,
    { accuracy: 0.95 },
    {
      ...TAGS,
      'benchmark.floor': '90%',
      'benchmark.min_improvement': '6%',
    },
  );
  expect(await verdictOn(fake, told, policies)).toMatchObject({ code: 'below_minimum' });
});

test.each([
  [[{ metric: 'recall', maxLoss: 0.02 }], 'announce', ''],
  [
    [{ metric: 'recall' }],
    'guardrail_failed',
    'its recall of 0.79 is worse than the 0.8 of the champion (version 1) by more than 0',
  ],
  [[{ metric: 'recall', maxRelativeLoss: 0.01 }], 'guardrail_failed', 'by more than 1 %'],
  [[{ metric: 'latency_ms', max: 100 }], 'guardrail_failed', 'its latency_ms of 120 is above 100'],
  [[{ metric: 'latency_ms', direction: 'lower' as const, maxRelativeLoss: 0.5 }], 'announce', ''],
  [[{ metric: 'latency_ms' }], 'guardrail_failed', "set the guardrail's direction"],
  [
    [{ metric: 'coverage', min: 0.9 }],
    'guardrail_failed',
    'coverage, which must not get worse, was not measured',
  ],
  [
    [{ slice: 'women', maxLoss: 0.01 }],
    'guardrail_failed',
    'its accuracy on women of 0.7 is worse than the 0.9',
  ],
  [[{ slice: 'men', maxLoss: 0.01 }], 'announce', ''],
  [
    [{ slice: 'children', maxLoss: 0.01 }],
    'guardrail_failed',
    'accuracy on children, which must not get worse, was not measured',
  ],
])('guardrails %j: %s', async (guardrails, code, reason) => {
  const fake = createFakeRegistry();
  const values = (recall: number, latency: number) => ({
    recall,
    latency_ms: latency,
    'accuracy/men': 0.95,
  });
  const sliced = (all: number, women: number) => [
    { value: women, dataset: { name: 'women' } },
    { value: all, dataset: TEST_SET },
  ];
  const tags: typeof TAGS = { ...TAGS, 'benchmark.dataset': 'test' };
  logged(fake, { accuracy: sliced(0.93, 0.9), ...values(0.8, 90) }, tags, '1', {
    aliases: ['champion'],
  });
  const { 'baseline.value': _, ...bare } = tags;
  const version = logged(fake, { accuracy: sliced(0.95, 0.7), ...values(0.79, 120) }, bare, '2');
  const found = await verdictOn(fake, version, { churn: { guardrails } });
  expect(found.code).toBe(code);
  expect(found.reason).toContain(reason);
});

test('the gain comes with its interval, and may have to be significant', async () => {
  const fake = createFakeRegistry();
  const { 'baseline.value': _, ...bare } = TAGS;
  logged(fake, { accuracy: 0.9, n_eval: 100 }, TAGS, '1', { aliases: ['champion'] });
  const small = logged(fake, { accuracy: 0.92, n_eval: 100 }, bare, '2');
  const found = await verdictOn(fake, small);
  expect(found.verdict).toMatchObject({
    gains: [{ value: expect.closeTo(0.02), ci95: [expect.any(Number), expect.any(Number)] }],
  });
  const strict = { churn: { requireSignificance: true } };
  expect(await verdictOn(fake, small, strict)).toMatchObject({
    code: 'not_significant',
    reason: expect.stringContaining('which includes no gain'),
  });
  const large = logged(fake, { accuracy: 0.99, accuracy_se: 0.001 }, bare, '3');
  expect(await verdictOn(fake, large, strict)).toMatchObject({
    code: 'not_significant',
    reason: expect.stringContaining('no confidence interval'),
  });
  logged(fake, { accuracy: 0.9, accuracy_se: 0.01 }, TAGS, '1', { aliases: ['champion'] });
  expect(await verdictOn(fake, large, strict)).toMatchObject({ code: 'announce' });
});
