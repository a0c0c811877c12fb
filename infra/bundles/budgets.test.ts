import { describe, expect, it } from 'vitest';
import { budgetOf, overBudget } from './budgets.ts';
import type { LambdaBundle } from './bundle.ts';

const bundle = (startKiB: number, totalKiB: number, modules: string[] = []): LambdaBundle => ({
  name: 'one',
  folder: 'one',
  module: 'one/index.mjs',
  start: { bytes: startKiB * 1024, modules },
  total: { bytes: totalKiB * 1024, modules },
});

describe('budgets', () => {
  const consumer = budgetOf('order_placed-mail');
  const emit = budgetOf('emit-model');

  it('let a bundle pass that is within them', () => {
    expect(overBudget(bundle(48, 5_000, ['zod']), consumer)).toEqual([]);
    expect(overBudget(bundle(460, 460, ['@aws-sdk/client-sqs']), emit)).toEqual([]);
  });

  it('name a consumer that loads too much at start', () => {
    expect(overBudget(bundle(56.1, 100), consumer)).toEqual([
      'one loads 56.1 KiB at start, over its budget of 56.0 KiB: import lazily what the first message does not need.',
    ]);
  });

  it('name what a consumer must not load at start, however small', () => {
    expect(
      overBudget(
        bundle(1, 1, ['@aws-sdk/client-sqs', '@smithy/core', 'node:crypto', 'node:os', 'zod']),
        consumer,
      ),
    ).toEqual(['one loads @aws-sdk/client-sqs, @smithy/core, node:crypto at start: import it lazily.']);
  });

  it('are those of emit for the webhook, and of any consumer for the judge', () => {
    expect(budgetOf('evaluate-webhook')).toEqual(emit);
    expect(budgetOf('model_to_evaluate-judge')).toEqual(consumer);
  });

  it('name an emit function that is too large in all', () => {
    expect(overBudget(bundle(10, 460.1), emit)).toEqual([
      'one has 460.1 KiB in all, over its budget of 460.0 KiB: see its .meta.json for what is large.',
    ]);
  });
});
