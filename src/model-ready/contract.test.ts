import { expect, test } from 'vitest';
import { InvalidMessage, validate } from '../message/envelope.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from './contract.ts';

const data: ModelReadyToDeploy = {
  model_id: 'm-35d4cf0eccb949f0915046063977155e',
  model_name: 'iris-species',
  model_version: '2',
  token_symbol: 'iris-x',
  metric_name: 'log_loss',
  metric_direction: 'lower',
  baseline_value: 0.2,
  current_value: 0.1,
  improvement_percentage: 50,
};
const besides = {
  mlflow_run_id: 'f38e322fe6d84c4f84e08e188a442b36',
  experiment_name: 'iris',
  source_uri: 'models:/m-35d4cf0eccb949f0915046063977155e',
  contributor_address: '0x52908400098527886E0F7030069857D2E4169EE7',
  proposal_identifier: 'p-1',
  benchmark_spec_id: 'b-1',
  eval_spec: { folds: 5, nested: { seeds: [1, 2] } },
  tags: { role: 'candidate', empty: '' },
};

function messageOf(changes: object): string {
  try {
    return `taken: ${JSON.stringify(validate(modelReadyToDeploy, { ...data, ...changes }))}`;
  } catch (error) {
    if (error instanceof InvalidMessage) return error.message;
    throw error;
  }
}

test('takes the required fields alone, and all the optional ones', () => {
  expect(validate(modelReadyToDeploy, data)).toEqual(data);
  expect(validate(modelReadyToDeploy, { ...data, ...besides })).toEqual({ ...data, ...besides });
});

test('leaves out fields that it does not know', () => {
  expect(validate(modelReadyToDeploy, { ...data, later: 1 })).toEqual(data);
});

test.each([
  [{ model_name: undefined }, 'data.model_name: expected a text of 1 to 256 characters'],
  [{ model_id: '' }, 'data.model_id: expected a text of 1 to 512 characters'],
  [{ model_version: 7 }, 'data.model_version: expected a text of 1 to 64 characters'],
  [{ model_name: 'x'.repeat(257) }, 'data.model_name: expected a text of 1 to 256 characters'],
  [{ token_symbol: 'MSG_AI' }, 'data.token_symbol: expected 1 to 64 of a-z, 0-9 and "-"'],
  [{ token_symbol: 'msg-ai\n' }, 'data.token_symbol: expected 1 to 64 of a-z, 0-9 and "-"'],
  [{ token_symbol: 'x'.repeat(65) }, 'data.token_symbol: expected 1 to 64 of a-z, 0-9 and "-"'],
  [{ metric_direction: 'up' }, 'data.metric_direction: expected "higher" or "lower"'],
  [{ current_value: 'NaN' }, 'data.current_value: expected a finite number'],
  [{ baseline_value: Number.NaN }, 'data.baseline_value: expected a finite number'],
  [{ improvement_percentage: Infinity }, 'data.improvement_percentage: expected a finite number'],
  [{ contributor_address: '0x12' }, 'data.contributor_address: expected 0x and 40 hexadecimal digits'],
  [{ eval_spec: 'folds=5' }, 'data.eval_spec: expected a JSON object'],
  [{ tags: ['a'] }, 'data.tags: expected an object of texts, its keys of 1 to 250 characters'],
  [{ tags: { '': 'a' } }, 'data.tags.: expected an object of texts, its keys of 1 to 250 characters'],
  [{ tags: { a: 1 } }, 'data.tags.a: expected a text'],
  [{ tags: { a: 'x'.repeat(8_001) } }, 'data.tags.a: expected a text of at most 8000 characters'],
])('%o: %s', (changes, message) => {
  expect(messageOf(changes)).toBe(message);
});

test('says what was expected of something that is no object', () => {
  expect(() => validate(modelReadyToDeploy, 'hello')).toThrow('data: expected a JSON object');
});

test('the id is derived from what is announced, and from nothing else', () => {
  const id = modelReadyToDeploy.identify?.(data);
  // Written down: it must not change from one release to the next.
  expect(id).toBe('d2083b0d-e8b6-867a-8e20-52af7ac75204');
  expect(modelReadyToDeploy.identify?.({ ...data, ...besides, token_symbol: 'other' })).toBe(id);
  const others = [
    { model_name: 'iris' },
    { model_version: '3' },
    { metric_name: 'loss' },
    { baseline_value: 0.3 },
    { current_value: 0.11 },
    { baseline_value: 0.1, current_value: 0.2 },
  ].map((changes) => modelReadyToDeploy.identify?.({ ...data, ...changes }));
  expect(new Set([id, ...others]).size).toBe(7);
});
