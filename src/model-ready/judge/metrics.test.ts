import { describe, expect, test } from 'vitest';
import { isTrainingMetric, knownMetric } from './metrics.ts';

test.each([
  'accuracy',
  'Accuracy',
  'ROC AUC',
  'f1',
  'val_f1',
  'test_f1_macro',
  'f1_score',
  'eval/accuracy',
  'r2_score',
  'average_precision_score',
  'neg_log_loss',
  'neg_root_mean_squared_error',
  'cv-balanced-accuracy',
  'rougeL',
  'BLEU',
  'ndcg@10',
  'ndcg_at_10',
  'recall_at_k',
  'accuracy@5',
  'top_5_accuracy',
  'top_k_accuracy_score',
  'precision_at_3/mean',
])('%s: higher is better', (metric) => {
  expect(knownMetric(metric)?.direction).toBe('higher');
});

test.each([
  'loss',
  'val_loss',
  'eval_val_loss',
  'log_loss',
  'RMSE',
  'mse',
  'mae',
  'mean_absolute_error',
  'holdout.mape',
  'perplexity',
  'wer',
  'brier_score',
  'neg_accuracy',
  'val_loss_3',
])('%s: lower is better', (metric) => {
  expect(knownMetric(metric)?.direction).toBe('lower');
});

test.each([
  '',
  'val_',
  'neg_',
  'fraud_caught',
  'constructor',
  '__proto__',
  'rmse_gain',
  'score',
  'macro',
  '@10',
  'top_5_',
])('%s is not known', (metric) => {
  expect(knownMetric(metric)).toBeUndefined();
});

describe('ranges', () => {
  test.each([
    ['val_accuracy', 0, 1],
    ['mcc', -1, 1],
    ['r2', -Infinity, 1],
    ['neg_log_loss', -Infinity, -0],
    ['rmse', 0, Infinity],
    ['perplexity', 1, Infinity],
    ['bleu', 0, 100],
    ['brier_score', 0, 2],
    ['loss', -Infinity, Infinity],
  ])('%s is from %d to %d', (metric, min, max) => {
    expect(knownMetric(metric)).toMatchObject({ min, max });
  });
});

test.each([
  ['train_accuracy', true],
  ['training_accuracy_score', true],
  ['train/loss', true],
  ['Accuracy (train)', true],
  ['accuracy_train', true],
  ['val_accuracy', false],
  ['trainability', false],
  ['strain_error', false],
])('%s was measured on the training data: %s', (metric, expected) => {
  expect(isTrainingMetric(metric)).toBe(expected);
});

test('a share of examples is known as one', () => {
  expect(knownMetric('top_5_accuracy')?.isProportion).toBe(true);
  expect(knownMetric('roc_auc')?.isProportion).toBe(false);
});
