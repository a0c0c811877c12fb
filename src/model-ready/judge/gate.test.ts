import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { evidence } from '../../../test/support/model-examples.ts';
import { validate } from '../../message/envelope.ts';
import { modelReadyToDeploy } from '../contract.ts';
import type { Direction } from '../fields.ts';
import { improvementPercentage, isWithinRounding } from './gain.ts';
import { judge } from './gate.ts';
import type { MinImprovement } from './parse-min-improvement.ts';

/** The largest doubles stand for infinite ones; the metric of the example goes from 0 to 1. */
const value = fc.double({ noNaN: true, min: -1e308, max: 1e308 });
const direction = fc.constantFrom<Direction>('higher', 'lower');

/** The verdict on a metric's value against a baseline's: its code, or `announce`. */
function outcome(
  current: unknown,
  baseline: unknown,
  metric_direction: Direction = 'higher',
  minImprovement: MinImprovement = {},
): string {
  const changes = {
    metric_name: 'fraud_caught',
    current_value: current,
    baseline_value: baseline,
    metric_direction,
  };
  const judged = judge(evidence(changes, { minImprovement }));
  return judged.verdict === 'announce' ? 'announce' : judged.code;
}

test('announces what is better, with everything known about it', () => {
  expect(judge(evidence())).toMatchObject({
    verdict: 'announce',
    message: {
      model_id: 'churn-predictor:7',
      model_name: 'churn-predictor',
      model_version: '7',
      token_symbol: 'churn-guard',
      metric_name: 'average_precision',
      metric_direction: 'higher',
      baseline_value: 0.612,
      current_value: 0.647,
      improvement_percentage: expect.closeTo(5.719, 3),
      benchmark_spec_id: 'churn-2026-q3',
      tags: { 'benchmark.dataset': 'churn', role: 'candidate' },
    },
  });
});

test('computes the improvement anew, keeps the id it is given', () => {
  const judged = judge(evidence({ model_id: 'm-1', improvement_percentage: 99, metric_direction: null }));
  expect(judged).toMatchObject({
    message: {
      model_id: 'm-1',
      improvement_percentage: expect.closeTo(5.719, 3),
      metric_direction: 'higher',
    },
  });
});

test.each([
  [{ run_status: 'FAILED' }, 'run_not_finished', 'its run is FAILED, not FINISHED'],
  [{ run_status: 'RUNNING', mlflow_run_id: 'r1' }, 'run_not_finished', 'run r1 is RUNNING, not FINISHED'],
  [{ model_name: null }, 'not_registered', 'its run is not registered: it has no model name and version'],
  [{ model_version: null }, 'not_registered', 'its run is not registered: it has no model name and version'],
  [
    { version_status: 'PENDING_REGISTRATION' },
    'not_registered',
    'its registration is PENDING_REGISTRATION, not READY',
  ],
  [{ is_baseline: true }, 'is_baseline', 'it is the baseline itself'],
  [
    { metric_name: null },
    'missing_metric',
    'no metric is named to judge it by (metric_name, or the tag benchmark.metric)',
  ],
  [{ current_value: null }, 'missing_metric', 'it has no value of average_precision'],
  [{ current_value: 'NaN' }, 'metric_not_finite', 'its average_precision is NaN'],
  [{ current_value: 'Infinity' }, 'metric_not_finite', 'its average_precision is Infinity'],
  [
    { metric_direction: null, metric_name: 'fraud_caught' },
    'unknown_direction',
    'fraud_caught is not a well-known metric: say whether higher or lower is better (metric_direction, or the tag benchmark.direction)',
  ],
  [
    { baseline_value: null },
    'missing_baseline',
    'there is no average_precision to compare it with (baseline_value, the tags baseline.value or baseline.run_id, or the alias champion)',
  ],
  [
    { baseline_value: '-Infinity' },
    'baseline_not_finite',
    'the average_precision of its baseline is -Infinity',
  ],
  [{ baseline_value: 'NaN' }, 'baseline_not_finite', 'the average_precision of its baseline is NaN'],
  [{ current_value: 0.612 }, 'tie', 'its average_precision of 0.612 equals that of its baseline'],
  [
    { current_value: 0.5 },
    'not_better',
    'its average_precision of 0.5 is worse than the 0.612 of its baseline (higher is better)',
  ],
  [
    { token_symbol: null },
    'missing_token_symbol',
    'it has no token symbol (token_symbol, or the tag of this name)',
  ],
])('%o is rejected as %s', (changes, code, reason) => {
  const judged = judge(evidence(changes));
  expect(judged).toMatchObject({ verdict: 'reject', code, reason });
  expect(judged.rules.at(-1)).toMatchObject({ code, detail: reason });
});

test('what is said of the direction comes before what is known of the metric', () => {
  expect(outcome(0.9, 0.8, 'lower')).toBe('not_better');
  expect(outcome(0.8, 0.9, 'lower')).toBe('announce');
});

describe('the least improvement', () => {
  test.each([
    [0.9, 0.8, { minGain: 0.1 }, 'announce'],
    [0.3, 0.1, { minGain: 0.2 }, 'announce'],
    [0.9, 0.8, { minGain: 0.1000001 }, 'below_minimum'],
    [0.88, 0.8, { minRelativeGain: 0.1 }, 'announce'],
    [0.88, 0.8, { minRelativeGain: 0.1000001 }, 'below_minimum'],
    [-0.9, -1, { minRelativeGain: 0.1 }, 'announce'],
    [-0.9, -1, { minRelativeGain: 0.11 }, 'below_minimum'],
    [0.001, 0, { minRelativeGain: 1 }, 'announce'],
    [0.001, 0, { minRelativeGain: 1.01 }, 'below_minimum'],
    [0.8, 0.8, { minGain: 0 }, 'tie'],
    [0.8, 0.8, { minGain: 1e-18 }, 'tie'],
    [0.7, 0.8, { minRelativeGain: 0 }, 'not_better'],
  ])('%d against %d by at least %o: %s', (current, baseline, minImprovement, expected) => {
    expect(outcome(current, baseline, 'higher', minImprovement)).toBe(expected);
    expect(outcome(-current, -baseline, 'lower', minImprovement)).toBe(expected);
  });

  test('is said to a person', () => {
    expect(judge(evidence({}, { minImprovement: { minRelativeGain: 0.07 } }))).toMatchObject({
      reason: 'its average_precision of 0.647 is better than the 0.612 of its baseline, but not by 7 %',
    });
    expect(judge(evidence({}, { minImprovement: { minGain: 0.2 } }))).toMatchObject({
      reason: expect.stringMatching(/but not by 0\.2$/),
    });
  });
});

describe('improvement in percent', () => {
  test.each([
    ['higher', 0.5, 0.75, 50],
    ['lower', 0.5, 0.25, 50],
    ['higher', 0.5, 0.25, -50],
    ['higher', -2, -1, 50],
    ['lower', -1, -2, 100],
    ['higher', 0, 0.001, 100],
    ['lower', 0, 0.001, -100],
    ['higher', 0, 0, 0],
    ['higher', 0, -0, 0],
    ['higher', -Number.MAX_VALUE, Number.MAX_VALUE, 200],
    ['lower', Number.MAX_VALUE, -Number.MAX_VALUE, 200],
    ['higher', Number.MIN_VALUE, 1, Number.MAX_SAFE_INTEGER],
    ['lower', Number.MIN_VALUE, 1, -Number.MAX_SAFE_INTEGER],
  ] as const)('%s is better, from %d to %d: %d %', (better, baseline, current, percent) => {
    expect(improvementPercentage(better, baseline, current)).toBe(percent);
  });

  test('is finite, and its sign says whether it is better', () => {
    fc.assert(
      fc.property(direction, value, value, (better, baseline, current) => {
        const percent = improvementPercentage(better, baseline, current);
        expect(Number.isFinite(percent)).toBe(true);
        const expected = current === baseline ? 0 : current > baseline === (better === 'higher') ? 1 : -1;
        expect(Math.sign(percent)).toBe(expected);
      }),
    );
  });
});

describe('for all values', () => {
  test('announced if, and only if, strictly better', () => {
    fc.assert(
      fc.property(direction, value, value, (better, baseline, current) => {
        const isBetter =
          (better === 'higher' ? current > baseline : current < baseline) &&
          !isWithinRounding(current, baseline);
        expect(outcome(current, baseline, better) === 'announce').toBe(isBetter);
      }),
    );
  });

  test('turning direction and signs around changes nothing', () => {
    const least = fc.record({ minGain: fc.double({ min: 0, max: 10, noNaN: true }) });
    fc.assert(
      fc.property(value, value, least, (baseline, current, minImprovement) => {
        expect(outcome(current, baseline, 'higher', minImprovement)).toBe(
          outcome(-current, -baseline, 'lower', minImprovement),
        );
      }),
    );
  });

  test('a tie is never announced, whatever is asked for', () => {
    fc.assert(
      fc.property(direction, value, fc.double({ min: 0, max: 1, noNaN: true }), (better, same, relative) => {
        expect(outcome(same, same, better, { minRelativeGain: relative })).toBe('tie');
      }),
    );
  });

  test('values that differ by exactly the least asked for are announced', () => {
    const tenths = fc.integer({ min: 1, max: 10_000 });
    fc.assert(
      fc.property(tenths, tenths, (baseline, more) => {
        const current = (baseline + more) / 10;
        expect(outcome(current, baseline / 10, 'higher', { minGain: more / 10 })).toBe('announce');
      }),
    );
  });

  test('what is announced fits the contract and comes through JSON unchanged', () => {
    fc.assert(
      fc.property(value, value, (baseline, current) => {
        const judged = judge(
          evidence({
            metric_name: 'fraud_caught',
            metric_direction: 'higher',
            baseline_value: baseline,
            current_value: current,
          }),
        );
        if (judged.verdict === 'reject') return;
        const { message } = judged;
        expect(validate(modelReadyToDeploy, message)).toEqual(message);
        const read = JSON.parse(JSON.stringify(message));
        expect(modelReadyToDeploy.identify?.(read)).toBe(modelReadyToDeploy.identify?.(message));
        // Readers elsewhere may corrupt whole numbers beyond 2^53.
        expect(Math.abs(read.improvement_percentage)).toBeLessThanOrEqual(Number.MAX_SAFE_INTEGER);
      }),
    );
  });
});
