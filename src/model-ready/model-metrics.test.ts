import { expect, onTestFinished, test } from 'vitest';
import { emitModelEvent } from './events.ts';
import { measureModels } from './model-metrics.ts';

test('counts verdicts by code, and what a webhook refused or failed at', () => {
  const lines: Record<string, unknown>[] = [];
  onTestFinished(measureModels('shop-dev', (line) => lines.push(JSON.parse(line))));
  const model = { model_name: 'churn', model_version: '3' };
  const values = { metric_name: 'auc', baseline_value: 0.9, current_value: 0.95, improvement_percentage: 5 };
  emitModelEvent({ event: 'announced', id: 'x', ...model, ...values });
  emitModelEvent({ event: 'rejected', ...model, code: 'tie', reason: 'equal' });
  emitModelEvent({ event: 'judged', ...model, verdict: 'announce' });
  const nobody = { model_name: null, model_version: null };
  emitModelEvent({ event: 'refused', ...nobody, status: 401, reason: 'not signed', delivery: false });
  emitModelEvent({ event: 'refused', ...nobody, status: 401, reason: 'does not fit', delivery: true });
  emitModelEvent({ event: 'refused', ...nobody, status: 503, reason: 'the carrier is away', delivery: true });
  emitModelEvent({ event: 'superseded', id: 'x', ...model, by: '4', reason: 'worse' });
  emitModelEvent({ event: 'write_back_failed', ...model, error: 'away' });
  expect(lines.map(({ _aws, ...line }) => line)).toEqual([
    { prefix: 'shop-dev', code: 'announced', verdicts: 1 },
    { prefix: 'shop-dev', code: 'tie', verdicts: 1 },
    { prefix: 'shop-dev', webhook_refused: 1 },
    { prefix: 'shop-dev', webhook_failed: 1 },
    { prefix: 'shop-dev', superseded: 1 },
    { prefix: 'shop-dev', write_backs_failed: 1 },
  ]);
  expect(lines[1]?.['_aws']).toEqual({
    Timestamp: expect.any(Number),
    CloudWatchMetrics: [
      {
        Namespace: 'Hikyaku',
        Dimensions: [['prefix', 'code']],
        Metrics: [{ Name: 'verdicts', Unit: 'Count' }],
      },
    ],
  });
});
