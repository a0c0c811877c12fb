import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason } from '../../message/dead-letter.ts';
import { decode } from '../../message/envelope.ts';
import { modelReadyToDeploy } from '../../model-ready/contract.ts';
import { hokusai as system } from './hokusai.ts';
import { hokusaiFlat as flatSystem } from './hokusai-flat.ts';
import { UNREAD } from './unread.ts';

const hokusai = system.dialect;
const hokusaiFlat = flatSystem.dialect;
const TOPIC = { topic: 'model_ready_to_deploy', now: Date.UTC(2025, 0, 2, 3, 4, 5) };
const ENTRY =
  '{"message_id": "7d3c8f8e-2f1b-4a5e-9b7a-0c1d2e3f4a5b", "message_type": "model_ready_to_deploy", "payload": {"model_id": "m-1", "token_symbol": "msg-ai", "metric_name": "reply_rate", "baseline_value": 0.75, "current_value": 0.82, "model_name": "msg-model", "model_version": "1", "mlflow_run_id": "abc123", "improvement_percentage": 9.333333333333325, "contributor_address": null, "experiment_name": "baseline", "tags": {"k": "\\u00e9"}, "timestamp": "2025-01-02T03:04:05.123456", "message_version": "1.0"}, "timestamp": "2025-01-02T03:04:05.123456", "retry_count": 0, "max_retries": 3}';
const REASON = { code: 'exhausted', message: 'no', at: '', attempts: 5, history: [] } as const;

describe('the dialect of lists with an envelope', () => {
  it('reads an announcement as our own contract has it', async () => {
    const { id, body, attempts } = hokusai.decode(ENTRY, TOPIC);
    expect([id, attempts]).toEqual(['7d3c8f8e-2f1b-4a5e-9b7a-0c1d2e3f4a5b', 0]);
    const { data, time, source } = await decode(modelReadyToDeploy, body);
    expect({ data, time, source }).toEqual({
      time: '2025-01-02T03:04:05.123456Z',
      source: 'hokusai',
      data: {
        model_id: 'm-1',
        model_name: 'msg-model',
        model_version: '1',
        token_symbol: 'msg-ai',
        metric_name: 'reply_rate',
        metric_direction: 'higher',
        baseline_value: 0.75,
        current_value: 0.82,
        improvement_percentage: 9.333333333333325,
        mlflow_run_id: 'abc123',
        experiment_name: 'baseline',
        tags: { k: 'é' },
      },
    });
  });

  it('writes it again to the byte', () => {
    const { id, body, headers } = hokusai.decode(ENTRY, TOPIC);
    expect(hokusai.encode({ id, body, headers }, TOPIC)).toBe(ENTRY);
    expect(ENTRY).toContain(system.notice?.({ id, body, headers }, TOPIC));
  });

  it('says a model without a run as only newer programs know it', () => {
    const { id, body, headers } = hokusai.decode(ENTRY.replace('"abc123"', 'null'), TOPIC);
    const written = JSON.parse(hokusai.encode({ id, body, headers }, TOPIC));
    expect(written.payload).toMatchObject({ mlflow_run_id: null, status: 'registered' });
  });

  it('carries other topics as they are', () => {
    const topic = { ...TOPIC, topic: 'mint_request' };
    const data = { amount: 1.5, note: null, big: '12' };
    const body = JSON.stringify({ specversion: '1.0', id: 'i', source: 's', type: 'mint_request', data });
    const text = hokusai.encode({ id: 'i', body, headers: {} }, topic);
    expect(JSON.parse(text)).toMatchObject({ message_type: 'mint_request', payload: data });
    expect(JSON.parse(hokusai.decode(text, topic).body).data).toEqual(data);
  });

  it('counts a retry', () => {
    const retried = hokusai.retry(ENTRY);
    expect(retried).toBe(ENTRY.replace('"retry_count": 0', '"retry_count": 1'));
    expect(hokusai.decode(retried, TOPIC)).toMatchObject({
      attempts: 1,
      id: hokusai.decode(ENTRY, TOPIC).id,
    });
    expect(hokusai.retry('no JSON')).toBe('no JSON');
  });

  it('leaves as it is what it cannot read', () => {
    for (const text of ['no JSON', '[]', '{"message_id": "1"}', '{"payload": {}}']) {
      const { body, headers } = hokusai.decode(text, TOPIC);
      expect([body, headers[UNREAD]]).toEqual([text, expect.stringContaining('message_id')]);
    }
  });

  it.each([ENTRY, 'no JSON'])('keeps the bytes of a dead letter, and reads it back: %s', (text) => {
    const letter = { headers: deadLetterHeaders(REASON), queue: 'hokusai:model_ready_queue', now: TOPIC.now };
    const dead = hokusai.dead(text, letter);
    expect(JSON.parse(dead)).toEqual({
      original_message: text,
      error: 'no (exhausted, attempts: 5)',
      failed_at: '2025-01-02T03:04:05',
      original_queue: 'hokusai:model_ready_queue',
    });
    const { native, headers } = hokusai.undead(dead);
    expect(native).toBe(text);
    expect(readDeadLetterReason(headers)).toEqual({ ...REASON, at: '2025-01-02T03:04:05Z' });
  });

  it('reads dead letters of all their consumers', () => {
    expect(hokusai.undead(ENTRY)).toEqual({ native: ENTRY, headers: {} });
    expect(hokusai.undead('no JSON')).toEqual({ native: 'no JSON', headers: {} });
    const nested = `{"originalMessage":{"model_id":"m","v":1.0},"error":"bad","timestamp":"2025-01-02T03:04:05.000Z","queue":"q"}`;
    const { native, headers } = hokusai.undead(nested);
    expect(native).toBe('{"model_id":"m","v":1.0}');
    expect(readDeadLetterReason(headers)).toMatchObject({ message: 'bad', at: '2025-01-02T03:04:05.000Z' });
    expect(hokusai.undead('{"originalMessage":"raw","error":"Invalid JSON"}').native).toBe('raw');
  });
});

describe('the dialect of flat announcements', () => {
  const { id, body, headers } = hokusai.decode(ENTRY, TOPIC);
  const flat = hokusaiFlat.encode({ id, body, headers }, TOPIC);

  it('writes what their deployer accepts: capitals, nothing that is missing', () => {
    const { tags, ...rest } = JSON.parse(flat);
    expect(rest).toEqual({
      model_id: 'm-1',
      token_symbol: 'MSG-AI',
      metric_name: 'reply_rate',
      baseline_value: 0.75,
      current_value: 0.82,
      model_name: 'msg-model',
      model_version: '1',
      mlflow_run_id: 'abc123',
      improvement_percentage: 9.333333333333325,
      experiment_name: 'baseline',
      timestamp: '2025-01-02T03:04:05.123456',
      message_version: '1.0',
    });
    expect(tags).toEqual({ k: 'é' });
  });

  it('reads it as our own contract has it, and knows a retry again', async () => {
    const first = hokusaiFlat.decode(flat, TOPIC);
    const again = hokusaiFlat.decode(hokusaiFlat.retry(hokusaiFlat.retry(flat)), TOPIC);
    expect((await decode(modelReadyToDeploy, first.body)).data.token_symbol).toBe('msg-ai');
    expect(again.id).toBe(first.id);
    expect([first.attempts, again.attempts]).toEqual([0, 2]);
    expect(JSON.parse(hokusaiFlat.retry(flat))._retryCount).toBe(1);
  });

  it('refuses what their deployer would', () => {
    const saying = (from: string, to: string) => () =>
      hokusaiFlat.encode({ id, body: body.replace(from, to), headers }, TOPIC);
    expect(saying('msg-ai', 'much-too-long-ai')).toThrow('token_symbol');
    expect(saying('"mlflow_run_id":"abc123",', '')).toThrow('mlflow_run_id');
    expect(saying('9.333333333333325', '0')).toThrow('improvement_percentage');
  });

  it('writes dead letters as their deployer does, and reads all of them', () => {
    const letter = { headers: deadLetterHeaders(REASON), queue: 'q', now: TOPIC.now };
    for (const text of [flat, 'no JSON']) {
      const dead = hokusaiFlat.dead(text, letter);
      expect(Object.keys(JSON.parse(dead))).toEqual(['originalMessage', 'error', 'timestamp', 'queue']);
      expect(hokusaiFlat.undead(dead).native).toBe(text);
    }
    expect(hokusaiFlat.decode('no JSON', TOPIC).body).toBe('no JSON');
  });
});
