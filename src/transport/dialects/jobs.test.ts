import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason } from '../../message/dead-letter.ts';
import { jobs as system } from './jobs.ts';
import { UNREAD } from './unread.ts';

const jobs = system.dialect;
const TOPIC = { topic: 'ai_processing', now: Date.UTC(2025, 9, 10, 1, 2, 3) };
const ENTRY =
  '{"job_id":"j-1","job_type":"ai_processing","created_at":"2025-10-10T01:02:03.123456","priority":"high","retry_count":1,"max_retries":3,"timeout":300,"metadata":{},"corp_id":"c-1","pdf_url":null,"summary_text":"é","company_name":"","security_id":"","score":1.0}';

describe('the dialect of jobs', () => {
  it('reads a job as an envelope, and writes it again', () => {
    const { id, body, headers, attempts } = jobs.decode(ENTRY, TOPIC);
    expect([id, attempts]).toEqual(['j-1', 1]);
    expect(JSON.parse(body)).toEqual({
      specversion: '1.0',
      id: 'j-1',
      source: 'jobs',
      type: 'ai_processing',
      time: '2025-10-10T01:02:03.123456Z',
      datacontenttype: 'application/json',
      dataschema: 'urn:hikyaku:ai_processing:1',
      priority: 'high',
      data: { corp_id: 'c-1', pdf_url: null, summary_text: 'é', company_name: '', security_id: '', score: 1 },
    });
    expect(jobs.encode({ id, body, headers }, TOPIC)).toBe(
      ENTRY.replace('"retry_count":1', '"retry_count":0'),
    );
  });

  it('keeps metadata, and no name of all jobs in data', () => {
    const entry = ENTRY.replace('"metadata":{}', '"metadata":{"by":"x"}').replace(
      '"retry_count":1',
      '"retry_count":0',
    );
    const { id, body, headers } = jobs.decode(entry, TOPIC);
    expect(JSON.parse(body).data.metadata).toEqual({ by: 'x' });
    expect(jobs.encode({ id, body, headers }, TOPIC)).toBe(entry);
    const forged = body.replace('"corp_id"', '"job_id":"other","corp_id"');
    expect(jobs.encode({ id, body: forged, headers }, TOPIC)).toBe(entry);
  });

  it('names the types of their queues', () => {
    const { id, body, headers } = jobs.decode(ENTRY, TOPIC);
    const typeIn = (topic: string) =>
      JSON.parse(jobs.encode({ id, body, headers }, { ...TOPIC, topic })).job_type;
    expect([typeIn('investor_processing'), typeIn('new_announcements'), typeIn('supabase_upload')]).toEqual([
      'investor_analysis',
      'announcement_scraping',
      'supabase_upload',
    ]);
  });

  it('counts a retry', () => {
    expect(jobs.retry(ENTRY)).toBe(ENTRY.replace('"retry_count":1', '"retry_count":2'));
    expect(jobs.retry('no JSON')).toBe('no JSON');
  });

  it.each([
    ['no JSON', 'job_id'],
    ['{"job_type":"ai_processing"}', 'job_id'],
    [ENTRY.replace('ai_processing', 'supabase_upload'), 'type supabase_upload'],
  ])('leaves as it is what it cannot read: %s', (text, why) => {
    const { body, headers } = jobs.decode(text, TOPIC);
    expect([body, headers[UNREAD]]).toEqual([text, expect.stringContaining(why)]);
  });

  it.each([ENTRY, 'no JSON'])('keeps the bytes of a failed job, and reads it back: %s', (text) => {
    const failure = { attempt: 1, at: '2025-10-10T01:02:00Z', error: 'once' };
    const reason = { code: 'exhausted', message: 'no', at: '', attempts: 5, history: [failure] } as const;
    const letter = {
      headers: deadLetterHeaders(reason),
      queue: 'backfin:queue:ai_processing',
      now: TOPIC.now,
    };
    const dead = jobs.dead(text, letter);
    expect(Object.keys(JSON.parse(dead))).toEqual([
      'job_type',
      'original_job_type',
      'original_job_data',
      'error_message',
      'error_traceback',
      'failed_at',
    ]);
    expect(JSON.parse(dead)).toMatchObject({
      job_type: 'failed_job',
      error_message: 'no (exhausted, attempts: 5)',
      error_traceback: '2025-10-10T01:02:00Z attempt 1: once',
      failed_at: '2025-10-10T01:02:03',
    });
    const { native, headers } = jobs.undead(dead);
    expect(native).toBe(text);
    expect(readDeadLetterReason(headers)).toMatchObject({ code: 'exhausted', message: 'no', attempts: 5 });
  });

  it('reads what is no failed record as it is', () => {
    expect(jobs.undead(ENTRY)).toEqual({ native: ENTRY, headers: {} });
  });
});
