import { describe, expect, it } from 'vitest';
import { judge } from './gate.ts';
import { readEvidence } from './inputs.ts';
import { inKnownForm } from './known-forms.ts';

const TAGS = { 'benchmark.metric': 'roc_auc', 'baseline.value': '0.91', token_symbol: 'churn-x' };
const TAG_LIST = Object.entries(TAGS).map(([key, value]) => ({ key, value }));

/** As `mlflow runs describe` prints it. */
const DESCRIBED = {
  info: { run_id: '5f2c', status: 'FINISHED', lifecycle_stage: 'active', end_time: null },
  data: { metrics: { roc_auc: 0.94 }, params: { max_depth: '4' }, tags: TAGS },
  inputs: { dataset_inputs: [] },
};
const OLD = {
  run: {
    info: { run_uuid: '5f2c', status: 'FINISHED', start_time: '1764554300000' },
    data: {
      metrics: [{ key: 'roc_auc', value: 0.94, timestamp: '1764554390000', step: '0' }],
      params: null,
      tags: TAG_LIST,
    },
    outputs: { model_outputs: null },
  },
};
const REGISTERED = { model_name: 'churn', model_version: '3' };

it.each([
  ['a run as described', { ...DESCRIBED, ...REGISTERED }],
  ['a run of an old server', { ...OLD, ...REGISTERED }],
])('%s is judged', async (_, content) => {
  const [evaluation] = await readEvidence([{ name: 'run.json', content }]);
  expect(evaluation).toMatchObject({
    candidate: { value: 0.94 },
    model: { ...REGISTERED, mlflow_run_id: '5f2c' },
  });
  expect(evaluation && judge(evaluation).verdict).toBe('announce');
});

it('leaves everything else as it is', () => {
  for (const content of [null, 'models:/m/1', [DESCRIBED], { model_name: 'm' }, { error_code: 'X' }]) {
    expect(inKnownForm(content, 'a')).toBe(content);
  }
});

describe('what is none of ours', () => {
  const RUN = "a run as MLflow's runs/get or `mlflow runs describe` answers it";
  it.each([
    [
      { system: {}, info: { run_name: 'x' }, mlflow: { info: { run_id: '5f2c' }, metrics: {} } },
      `expected ${RUN}, found an export of mlflow-export-import`,
    ],
    [
      { binary_classification_metrics: { auc: { value: 0.94 } } },
      'expected an evaluation that names model, metric and baseline, found an evaluation report of SageMaker, which names neither',
    ],
    [
      { accuracy: 0.9, loss: 0.1, f1: 0.8, more: 1 },
      `expected an evaluation with model_name, model_version, token_symbol, metric_name, or ${RUN}, found an object with "accuracy, loss, f1"`,
    ],
    [
      {},
      `expected an evaluation with model_name, model_version, token_symbol, metric_name, or ${RUN}, found {}`,
    ],
  ])('is refused in one sentence: %j', async (content, sentence) => {
    await expect(readEvidence([{ name: 'a.json', content }])).rejects.toMatchObject({
      name: 'InvalidEvaluation',
      message: `a.json: ${sentence}`,
    });
  });
});
