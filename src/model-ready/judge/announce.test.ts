import { expect, onTestFinished, test } from 'vitest';
import { evidence } from '../../../test/support/model-examples.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import { type ModelEvent, observeModels } from '../events.ts';
import { AnnounceFailed, announce } from './announce.ts';

function observed(): ModelEvent[] {
  const events: ModelEvent[] = [];
  onTestFinished(observeModels((event) => events.push(event)));
  return events;
}

const publish = async ({ model_version }: ModelReadyToDeploy) => ({ id: `id-${model_version}` });
const announced = {
  id: 'id-7',
  model_name: 'churn-predictor',
  model_version: '7',
  metric_name: 'average_precision',
  baseline_value: 0.612,
  current_value: 0.647,
  improvement_percentage: expect.closeTo(5.719, 3),
};

test('announces what passes, and says why the rest does not', async () => {
  const events = observed();
  const failed = evidence({
    model_name: null,
    model_version: null,
    run_status: 'FAILED',
    mlflow_run_id: 'r',
  });
  const report = await announce(publish, [
    evidence({ model_version: '6', current_value: 0.612 }),
    evidence(),
    failed,
  ]);
  const rejected = [
    {
      model_name: 'churn-predictor',
      model_version: '6',
      code: 'tie',
      reason: 'its average_precision of 0.612 equals that of its baseline',
    },
    {
      model_name: null,
      model_version: null,
      mlflow_run_id: 'r',
      code: 'run_not_finished',
      reason: 'run r is FAILED, not FINISHED',
    },
  ];
  expect(report).toEqual({ announced: [announced], rejected });
  expect(events).toEqual([
    { event: 'judged', model_name: 'churn-predictor', model_version: '6', verdict: 'reject', code: 'tie' },
    { event: 'rejected', ...rejected[0] },
    { event: 'judged', model_name: 'churn-predictor', model_version: '7', verdict: 'announce' },
    { event: 'judged', model_name: null, model_version: null, verdict: 'reject', code: 'run_not_finished' },
    { event: 'rejected', ...rejected[1] },
    { event: 'announced', ...announced },
  ]);
});

test('asks for the least improvement it is given', async () => {
  const report = await announce(publish, [evidence({}, { minImprovement: { minRelativeGain: 0.1 } })]);
  expect(report).toMatchObject({ announced: [], rejected: [{ code: 'below_minimum' }] });
});

test('publishes all together, so that they travel as one batch', async () => {
  const { promise: all, resolve } = Promise.withResolvers<void>();
  let issued = 0;
  const evaluations = ['1', '2', '3'].map((model_version) => evidence({ model_version }));
  const report = await announce(async (data) => {
    if (++issued === evaluations.length) resolve();
    await all;
    return publish(data);
  }, evaluations);
  expect(report.announced.map(({ id }) => id)).toEqual(['id-1', 'id-2', 'id-3']);
});

test('when some cannot be published, says which, once all are settled', async () => {
  const events = observed();
  const away = new Error('the carrier is away');
  const announcing = announce(
    ({ model_version }) => {
      if (model_version === '1') throw away;
      // Whoever wrote this publish rejects with a text; it must not be lost.
      if (model_version === '2') return Promise.reject('too many');
      return publish({ ...message, model_version });
    },
    ['1', '2', '7']
      .map((model_version) => evidence({ model_version }))
      .concat(evidence({ is_baseline: true })),
  );
  await expect(announcing).rejects.toThrow(
    'not announced: churn-predictor 1 (the carrier is away), churn-predictor 2 (too many); announced: churn-predictor 7',
  );
  const error: unknown = await announcing.catch((thrown: unknown) => thrown);
  if (!(error instanceof AnnounceFailed)) throw new Error('expected AnnounceFailed');
  expect(error.cause).toBe(away);
  expect(error.report).toEqual({
    announced: [announced],
    rejected: [expect.objectContaining({ code: 'is_baseline' })],
    failed: [
      { model_name: 'churn-predictor', model_version: '1', error: 'the carrier is away' },
      { model_name: 'churn-predictor', model_version: '2', error: 'too many' },
    ],
  });
  expect(events.map(({ event }) => event).slice(-3)).toEqual([
    'announce_failed',
    'announce_failed',
    'announced',
  ]);
});

test('when none can be published, says so', async () => {
  const announcing = announce(() => Promise.reject(new Error('gone')), [evidence()]);
  await expect(announcing).rejects.toThrow('not announced: churn-predictor 7 (gone); announced: none');
});

test('nothing is observed once observing has ended', async () => {
  const events: ModelEvent[] = [];
  observeModels((event) => events.push(event))();
  await announce(publish, [evidence()]);
  expect(events).toEqual([]);
});

const message: ModelReadyToDeploy = {
  model_id: 'churn-predictor:7',
  model_name: 'churn-predictor',
  model_version: '7',
  token_symbol: 'churn-guard',
  metric_name: 'average_precision',
  metric_direction: 'higher',
  baseline_value: 0.612,
  current_value: 0.647,
  improvement_percentage: 5.7,
};

test('tells each final verdict to whoever wants to know, and waits for it', async () => {
  const told: unknown[] = [];
  const models = [evidence(), evidence({ is_baseline: true }), evidence({ model_version: '8' })];
  const announcing = announce(
    (data) => (data.model_version === '8' ? Promise.reject(new Error('gone')) : publish(data)),
    models,
    async (verdict) => void told.push(verdict),
  );
  await expect(announcing).rejects.toThrow('not announced: churn-predictor 8');
  expect(told).toEqual([announced, expect.objectContaining({ code: 'is_baseline' })]);
});

test('an announcement says how certain the gain is, if the evaluation does', async () => {
  const certain = { n_eval: 1_000, baseline_n_eval: 1_000, metric_name: 'accuracy' };
  const report = await announce(publish, [evidence(certain)]);
  expect(report.announced[0]?.gains).toEqual([
    { over: 'its baseline', value: expect.closeTo(0.035), ci95: [expect.any(Number), expect.any(Number)] },
  ]);
});
