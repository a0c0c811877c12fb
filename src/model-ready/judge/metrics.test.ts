import { expect, test } from 'vitest';
import { directionOf } from './metrics.ts';

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
])('%s: higher is better', (metric) => {
  expect(directionOf(metric)).toBe('higher');
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
])('%s: lower is better', (metric) => {
  expect(directionOf(metric)).toBe('lower');
});

test.each(['', 'val_', 'neg_', 'fraud_caught', 'constructor', '__proto__', 'rmse_gain', 'score', 'macro'])(
  '%s is not known',
  (metric) => {
    expect(directionOf(metric)).toBeUndefined();
  },
);
