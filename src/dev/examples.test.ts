import { expect, it } from 'vitest';
import { readExamples } from './examples.ts';

it('a project without examples has none', async () => {
  expect(await readExamples('/nonexistent')).toEqual([]);
  expect(await readExamples('examples')).toContainEqual({
    name: 'evaluations/churn-predictor.v7.json',
    documents: [expect.objectContaining({ model_name: 'churn-predictor' })],
  });
});
