import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineConfig } from './define-config.ts';
import { checkPolicy, policyFor } from './policy.ts';
import { modelPolicyJsonSchema } from './policy-json-schema.ts';

const policies = {
  'fraud-*': { floor: 1 },
  'fraud-eu': { floor: 2 },
  '*-eu': { floor: 3 },
  '*a*b*': { floor: 4 },
};

test.each([
  ['fraud-eu', 2],
  ['fraud-us', 1],
  ['churn-eu', 3],
  ['xaybz', 4],
  ['xbya', undefined],
  ['churn', undefined],
  ['toString', undefined],
  ['fraud', undefined],
])('finds the policy of %s', (model, floor) => {
  expect(policyFor(policies, model).floor).toBe(floor);
});

test('a pattern needs room for its beginning and its end', () => {
  expect(policyFor({ 'ab*bc': { floor: 1 } }, 'abc')).toEqual({});
  expect(policyFor({ 'ab*bc': { floor: 1 } }, 'abbc')).toEqual({ floor: 1 });
});

test.each([
  [{}, undefined],
  [{ floor: 0.5, ceiling: 0.9, guardrails: [{ metric: 'recall', maxLoss: 0.01 }] }, undefined],
  [{ floor: Number.NaN }, { path: '.floor', expected: 'a finite number' }],
  [{ minGain: -1 }, { path: '.minGain', expected: 'a finite number from 0' }],
  [
    { floor: 2, ceiling: 1 },
    { path: '.floor', expected: 'at most the ceiling of 1' },
  ],
  [{ guardrails: [{}, { max: '1' }] }, { path: '.guardrails[1].max', expected: 'a finite number' }],
  ['accuracy', { path: '', expected: 'an object' }],
])('checks %j', (policy, issue) => {
  expect(checkPolicy(policy)).toEqual(issue);
});

test('a misspelled field is refused, with those there are', () => {
  expect(checkPolicy({ guardrails: [{ metrik: 'recall' }] })).toMatchObject({
    path: '.guardrails[0].metrik',
    expected: expect.stringContaining('metric, slice'),
  });
});

test('a config names the path to what is wrong in a policy', () => {
  const policies = { 'fraud-*': { guardrails: [{ min: Number.POSITIVE_INFINITY }] } };
  expect(() => defineConfig({ topics: [], policies })).toThrow(
    'policies.fraud-*.guardrails[0].min: expected a finite number',
  );
});

test('the file in schemas/ is fresh (else: npm run schemas)', () => {
  const file = new URL('../../schemas/model_policies.json', import.meta.url);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(modelPolicyJsonSchema());
});
