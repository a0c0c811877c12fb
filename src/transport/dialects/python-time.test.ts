import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envelopeTime, pythonTime, pythonTimeOf } from './python-time.ts';

const NOW = Date.UTC(2025, 10, 17, 10, 0, 0, 250);

describe('times as Python writes them', () => {
  const zone = process.env['TZ'];
  beforeAll(() => {
    process.env['TZ'] = 'Asia/Kolkata';
  });
  afterAll(() => {
    if (zone === undefined) Reflect.deleteProperty(process.env, 'TZ');
    else process.env['TZ'] = zone;
  });

  it('have no zone, and a fraction only where there is one', () => {
    expect(pythonTime(NOW, 'utc')).toBe('2025-11-17T10:00:00.250000');
    expect(pythonTime(NOW, 'local')).toBe('2025-11-17T15:30:00.250000');
    expect(pythonTime(NOW - 250, 'utc')).toBe('2025-11-17T10:00:00');
  });

  it('keep the digits of an envelope, which keeps theirs', () => {
    expect(envelopeTime('2025-11-17T15:30:00.123456', 'local')).toBe('2025-11-17T10:00:00.123456Z');
    expect(pythonTimeOf('2025-11-17T10:00:00.123456Z', 'local', 0)).toBe('2025-11-17T15:30:00.123456');
    expect(envelopeTime('2025-11-17T10:00:00', 'utc')).toBe('2025-11-17T10:00:00Z');
    expect(pythonTimeOf('2025-11-17T10:00:00.000Z', 'utc', 0)).toBe('2025-11-17T10:00:00');
    expect(pythonTimeOf('2025-11-17T10:00:00.25Z', 'utc', 0)).toBe('2025-11-17T10:00:00.250000');
  });

  it('count a zone that is named, and no other text', () => {
    expect(envelopeTime('2025-11-17T10:00:00.5+02:00', 'local')).toBe('2025-11-17T08:00:00.5Z');
    expect(envelopeTime('2025-11-17T10:00:00Z', 'local')).toBe('2025-11-17T10:00:00Z');
    expect(envelopeTime('yesterday', 'utc')).toBeUndefined();
    expect(envelopeTime('2025-13-45T10:00:00', 'utc')).toBeUndefined();
    expect(envelopeTime(undefined, 'utc')).toBeUndefined();
    expect(pythonTimeOf('yesterday', 'utc', NOW)).toBe('2025-11-17T10:00:00.250000');
  });
});
