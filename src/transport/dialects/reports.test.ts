import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason } from '../../message/dead-letter.ts';
import { createReportNames, fileReports, reportStream } from './reports.ts';
import { UNREAD } from './unread.ts';

const TOPIC = { topic: 'disk_usage', now: 0 };
const FILE = `{
  "timestamp": "2025-11-17T10:00:00.250000",
  "team_id": "Data Team",
  "resource_type": "System Resources",
  "metrics": {
    "disk_filesystem": "/dev/root",
    "disk_size_gb": 40.0,
    "disk_usage_percent": 80
  }
}`;
const LINE =
  '{"timestamp": "2025-11-17T10:00:00.250000", "team_id": "Data Team", "resource_type": "System Resources", "metrics": {"disk_filesystem": "/dev/root", "disk_size_gb": 40.0, "disk_usage_percent": 80}}';

describe('the dialect of reports', () => {
  it('reads a file, and writes it again to the byte', () => {
    const { id, body, headers } = fileReports.decode(FILE, TOPIC);
    expect(JSON.parse(body)).toEqual({
      specversion: '1.0',
      id,
      source: 'Data%20Team',
      type: 'disk_usage',
      time: new Date('2025-11-17T10:00:00').toISOString().replace('.000Z', '.250000Z'),
      datacontenttype: 'application/json',
      dataschema: 'urn:hikyaku:disk_usage:1',
      data: JSON.parse(FILE),
    });
    expect(fileReports.encode({ id, body, headers }, TOPIC)).toBe(FILE);
  });

  it('leaves a file as it is that is no report', () => {
    expect(fileReports.decode('{"half', TOPIC)).toMatchObject({
      body: '{"half',
      headers: { [UNREAD]: expect.any(String) },
    });
    expect([fileReports.complete?.(FILE), fileReports.complete?.('{"half')]).toEqual([true, false]);
    expect([fileReports.retry(FILE), fileReports.replay(FILE, { headers: {}, now: 0 })]).toEqual([
      FILE,
      FILE,
    ]);
  });

  it('names files by the microsecond, each later than the one before', () => {
    const nameOf = createReportNames();
    const now = new Date('2025-11-17T10:00:00.250').getTime();
    expect([nameOf(now), nameOf(now), nameOf(now - 5), nameOf(now + 750)]).toEqual([
      'resource_report_20251117100000250000.json',
      'resource_report_20251117100000250001.json',
      'resource_report_20251117100000250002.json',
      'resource_report_20251117100001000000.json',
    ]);
  });

  const { dialect, ...names } = reportStream(undefined);

  it('reads an entry of the stream, and writes it again to the byte', () => {
    const { id, body, headers } = dialect.decode(['data', LINE], TOPIC);
    expect(JSON.parse(body).data).toEqual(JSON.parse(LINE));
    expect(dialect.encode({ id, body, headers }, TOPIC)).toEqual(['data', LINE]);
    expect(dialect.retry(['data', LINE])).toEqual(['data', LINE]);
    expect(dialect.decode(['data', '{'], TOPIC).headers[UNREAD]).toContain('data');
    expect(dialect.decode(['x', '{}'], TOPIC).body).toBe('{"x":"{}"}');
  });

  it('keeps an entry that is given up, and why', () => {
    const reason = { code: 'invalid', message: 'no', at: '', attempts: 0, history: [] } as const;
    const letter = { headers: deadLetterHeaders(reason), queue: 'q', place: '1-1', now: 0 };
    const { native, headers } = dialect.undead(dialect.dead(['data', LINE], letter));
    expect(native).toEqual(['data', LINE]);
    expect(readDeadLetterReason(headers)).toMatchObject({ code: 'invalid', message: 'no' });
    expect(dialect.undead(['data', LINE])).toEqual({ native: ['data', LINE], headers: {} });
  });

  it('names stream and groups', () => {
    expect(names.stream('disk_usage')).toBe('disk_usage');
    expect(reportStream('mq:reports').stream('disk_usage')).toBe('mq:reports');
    expect([names.group('t', 'mail', true), names.group('t', 'mail', false)]).toEqual([
      'ct002_group',
      'mail_group',
    ]);
    expect(names.dead('t')).toBeUndefined();
  });
});
