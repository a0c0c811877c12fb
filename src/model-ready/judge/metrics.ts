import type { Direction } from '../fields.ts';

/** What is known of a metric by its name. */
export interface KnownMetric {
  readonly direction: Direction;
  /** The least and the greatest value it can have; infinite where there is no bound. */
  readonly min: number;
  readonly max: number;
  /** A share of the examples that were evaluated, so that their number says how certain it is. */
  readonly isProportion: boolean;
}

const UNIT = [0, 1] as const;
const SIGNED = [-1, 1] as const;
/** Some libraries write it from 0 to 1, others in percent. */
const UNIT_OR_PERCENT = [0, 100] as const;
const FROM_ZERO = [0, Infinity] as const;
const AT_MOST_ONE = [-Infinity, 1] as const;
const ANY = [-Infinity, Infinity] as const;

type Range = readonly [min: number, max: number];

const HIGHER: readonly (readonly [Range, string])[] = [
  [
    UNIT,
    'accuracy acc balanced_accuracy precision recall roc_auc auc auroc pr_auc auprc precision_recall_auc average_precision map specificity sensitivity ndcg mrr hit hits hit_rate iou jaccard dice meteor f1',
  ],
  [SIGNED, 'mcc matthews_corrcoef cohen_kappa kappa'],
  [UNIT_OR_PERCENT, 'exact_match bleu rouge rouge1 rouge2 rougel rouge_l'],
  [AT_MOST_ONE, 'r2 explained_variance'],
];

const LOWER: readonly (readonly [Range, string])[] = [
  [UNIT, 'error_rate'],
  // The Brier score of several classes goes up to 2.
  [[0, 2], 'brier brier_score_loss'],
  [
    FROM_ZERO,
    'log_loss logloss cross_entropy hinge_loss error max_error rmse root_mean_squared_error mse mean_squared_error mae mean_absolute_error mape mean_absolute_percentage_error smape rmsle msle wer cer fid',
  ],
  [[1, Infinity], 'perplexity'],
  [ANY, 'loss'],
];

const PROPORTIONS: ReadonlySet<string> = new Set(['accuracy', 'acc', 'error_rate', 'hit_rate']);

const KNOWN: ReadonlyMap<string, KnownMetric> = new Map([
  ...table('higher', HIGHER),
  ...table('lower', LOWER),
]);

function table(direction: Direction, rows: typeof HIGHER): [string, KnownMetric][] {
  return rows.flatMap(([[min, max], names]) =>
    names
      .split(' ')
      .map((name): [string, KnownMetric] => [
        name,
        { direction, min, max, isProportion: PROPORTIONS.has(name) },
      ]),
  );
}

const PREFIX =
  /^(?:val|valid|validation|test|eval|evaluation|train|training|dev|holdout|cv|neg|top_?(?:k|\d+))_/;
const SUFFIX = /_(?:score|macro|micro|weighted|binary|mean|avg|train|training|(?:at_)?(?:k|\d+))$/;
const TRAINING = /^(?:train|training)_|_(?:train|training)$/;

/**
 * What is known of a well-known metric; undefined for others. Case, separators, prefixes (`val_`, `top_5_`), suffixes
 * (`_macro`, `_score`) and ranks (`ndcg@10`, `recall_at_k`) do not matter; `neg_` turns an error or a loss around, as in
 * scikit-learn's scorers.
 */
export function knownMetric(metric: string): KnownMetric | undefined {
  let name = normalized(metric);
  let negated = false;
  for (;;) {
    const known = withoutSuffixes(name);
    if (known !== undefined) return negated ? opposite(known) : known;
    const [prefix] = PREFIX.exec(name) ?? [];
    if (prefix === undefined) return undefined;
    if (prefix === 'neg_') negated = !negated;
    name = name.slice(prefix.length);
  }
}

/** Whether a metric was measured on what the model was trained on, by its name: such values say little. */
export function isTrainingMetric(metric: string): boolean {
  return TRAINING.test(normalized(metric));
}

function normalized(metric: string): string {
  return metric
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== '')
    .join('_');
}

function withoutSuffixes(name: string): KnownMetric | undefined {
  const known = KNOWN.get(name);
  if (known !== undefined) return known;
  const shorter = name.replace(SUFFIX, '');
  return shorter === name ? undefined : withoutSuffixes(shorter);
}

function opposite({ direction, min, max, isProportion }: KnownMetric): KnownMetric {
  return { direction: direction === 'higher' ? 'lower' : 'higher', min: -max, max: -min, isProportion };
}
