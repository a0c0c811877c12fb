import { describe, expect, it } from 'vitest';
import { wrap } from '../../message/envelope.ts';
import { modelToEvaluate } from '../to-evaluate.ts';
import { readMlflowEvent } from './registry-events.ts';

/** What MLflow 3.17 sends when a webhook is tested. */
const EXAMPLE = {
  name: 'example_model',
  version: '1',
  source: 'models:/123',
  run_id: 'abcd1234abcd5678',
  tags: { example_key: 'example_value' },
  description: 'An example model version',
};

function event(entity: string, action: string, data: object, more: object = {}) {
  return readMlflowEvent({ entity, action, timestamp: '2026-12-01T05:34:15+00:00', data, ...more }, 'd');
}

describe("MLflow's test of a webhook", () => {
  it('asks for nothing, and it is said why', () => {
    expect(event('model_version', 'created', EXAMPLE)).toEqual({
      asks: false,
      reason: 'this is the example that MLflow sends to test a webhook',
    });
  });

  it.each([
    ['registered_model', 'created', { name: 'example_model' }],
    ['model_version_tag', 'set', { name: 'example_model', version: '1', key: 'example_key', value: 'v' }],
    ['model_version_alias', 'created', { name: 'example_model', version: '1', alias: 'example_alias' }],
    ['model_version_alias', 'deleted', { name: 'example_model', alias: 'example_alias' }],
    ['prompt_version', 'created', { name: 'example_prompt', version: '1', template: 'Hello {{name}}!' }],
    ['prompt_alias', 'created', { name: 'example_prompt', version: '1', alias: 'example_alias' }],
    ['budget_policy', 'exceeded', { budget_policy_id: 'bp-abc123' }],
  ])('of %s.%s asks for nothing', (entity, action, data) => {
    expect(event(entity, action, data)).toMatchObject({ asks: false });
  });

  it.each([{ version: '2' }, { name: 'other' }, { source: 'models:/m-1' }, { run_id: null }])(
    'is not a real version that shares some of it: %j',
    (changes) => {
      expect(event('model_version', 'created', { ...EXAMPLE, ...changes })).toMatchObject({ asks: true });
    },
  );
});

describe('versions of prompts', () => {
  it('are not judged', () => {
    const tags = { 'mlflow.prompt.is_prompt': 'true', 'mlflow.prompt.text': 'Hello' };
    const data = { name: 'greeting', version: '1', source: 'dummy-source', run_id: '', tags };
    expect(event('model_version', 'created', data)).toEqual({
      asks: false,
      reason: 'a prompt is not judged',
    });
    expect(event('model_version', 'created', { ...data, tags: null })).toMatchObject({ asks: true });
  });
});

describe('a workspace', () => {
  const data = { name: 'churn', version: '1', run_id: 'r' };
  const alias = { name: 'churn', version: '1', alias: 'challenger' };

  it('is taken over, and is part of what is said', () => {
    const ids = [undefined, null, 'team-a', 'team-b'].map((workspace) => {
      const read = event('model_version', 'created', data, { workspace });
      if (!read.asks) throw new Error(read.reason);
      expect(read.data.workspace).toBe(workspace ?? undefined);
      return wrap(modelToEvaluate, read.data, {}).id;
    });
    // The first is the id from before there were workspaces.
    expect(ids[0]).toBe('d067a6ad-2f38-8086-a4f8-9afc5ed8405f');
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
    expect(event('model_version_alias', 'created', alias, { workspace: 'team-a' })).toMatchObject({
      data: { workspace: 'team-a' },
    });
  });

  it.each(['Team A', 'a\r\nb', 7])('is refused where it is none: %j', (workspace) => {
    expect(() => event('model_version', 'created', data, { workspace })).toThrow(
      'workspace: expected a workspace of MLflow',
    );
  });
});
