import type { Direction } from '../fields.ts';

const HIGHER: ReadonlySet<string> = new Set([
  'accuracy',
  'acc',
  'balanced_accuracy',
  'f1',
  'precision',
  'recall',
  'roc_auc',
  'auc',
  'auroc',
  'pr_auc',
  'auprc',
  'precision_recall_auc',
  'average_precision',
  'specificity',
  'sensitivity',
  'mcc',
  'matthews_corrcoef',
  'r2',
  'explained_variance',
  'ndcg',
  'mrr',
  'iou',
  'dice',
  'exact_match',
  'bleu',
  'meteor',
  'rouge',
  'rouge1',
  'rouge2',
  'rougel',
  'rouge_l',
]);

const LOWER: ReadonlySet<string> = new Set([
  'loss',
  'log_loss',
  'logloss',
  'cross_entropy',
  'hinge_loss',
  'brier',
  'brier_score_loss',
  'error',
  'error_rate',
  'max_error',
  'rmse',
  'root_mean_squared_error',
  'mse',
  'mean_squared_error',
  'mae',
  'mean_absolute_error',
  'mape',
  'mean_absolute_percentage_error',
  'smape',
  'rmsle',
  'msle',
  'perplexity',
  'wer',
  'cer',
  'fid',
]);

const PREFIX = /^(?:val|valid|validation|test|eval|evaluation|train|training|dev|holdout|cv|neg)_/;
const SUFFIX = /_(?:score|macro|micro|weighted|binary)$/;

/**
 * Whether higher or lower is better, for the well-known metrics; undefined for others. Case, separators,
 * prefixes such as `val_` and suffixes such as `_macro` do not matter; `neg_` turns the direction of an error
 * or a loss, as in scikit-learn's scorers.
 */
export function directionOf(metric: string): Direction | undefined {
  let name = metric.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  let negated = false;
  for (;;) {
    const direction = known(name);
    if (direction !== undefined) return negated ? opposite(direction) : direction;
    const [prefix] = PREFIX.exec(name) ?? [];
    if (prefix === undefined) return undefined;
    if (prefix === 'neg_') negated = !negated;
    name = name.slice(prefix.length);
  }
}

function known(name: string): Direction | undefined {
  if (HIGHER.has(name)) return 'higher';
  if (LOWER.has(name)) return 'lower';
  const shorter = name.replace(SUFFIX, '');
  return shorter === name ? undefined : known(shorter);
}

function opposite(direction: Direction): Direction {
  return direction === 'higher' ? 'lower' : 'higher';
}
