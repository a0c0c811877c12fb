import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, readDeadLetterReason } from '../../message/dead-letter.ts';
import { eventBus } from './event-bus.ts';
import { UNREAD } from './unread.ts';

const { dialect } = eventBus;
const TOPIC = { topic: 'document_updated', now: 0 };
const ENTRY = [
  ...['type', 'document_updated', 'source', 'RAGAgent', 'data', '{"document": "d-1", "size": 1.0}'],
  ...['timestamp', '2025-12-13T10:11:12.123456', 'retry_count', '0'],
];
const RETRIED = [
  ...ENTRY.slice(0, -1),
  ...['2', 'last_error', 'boom', 'failed_at', '2025-12-13T10:11:15.000001'],
];

describe('the dialect of the event bus', () => {
  it('reads an entry as an envelope and writes it again', () => {
    const { id, body, headers, attempts } = dialect.decode(ENTRY, TOPIC);
    expect(attempts).toBe(0);
    expect(JSON.parse(body)).toEqual({
      specversion: '1.0',
      id,
      source: 'RAGAgent',
      type: 'document_updated',
      time: new Date('2025-12-13T10:11:12').toISOString().replace('.000Z', '.123456Z'),
      datacontenttype: 'application/json',
      dataschema: 'urn:hikyaku:document_updated:1',
      data: { document: 'd-1', size: 1 },
    });
    expect(dialect.encode({ id, body, headers }, TOPIC)).toEqual(ENTRY);
  });

  it('knows a message again that theirs has added anew', () => {
    const [first, second] = [dialect.decode(ENTRY, TOPIC), dialect.decode(RETRIED, TOPIC)];
    expect(second.id).toBe(first.id);
    expect(second.attempts).toBe(2);
    expect(dialect.retry(RETRIED)).toEqual([...ENTRY.slice(0, -1), '3', ...RETRIED.slice(10)]);
  });

  it.each([
    ['no data', ENTRY.filter((_, index) => index !== 4 && index !== 5), 'no field data'],
    ['data that is no JSON', ENTRY.map((text, index) => (index === 5 ? '{' : text)), 'no JSON object'],
    ['no fields of theirs', ['x', 'y', 'x', '"z"'], 'no field data'],
  ])('leaves an entry with %s as it is', (_, entry, why) => {
    const { body, headers } = dialect.decode(entry, TOPIC);
    expect(headers[UNREAD]).toContain(why);
    expect(() => JSON.parse(body)).not.toThrow();
    for (const text of entry) expect(body).toContain(JSON.stringify(text));
  });

  it('adds to a dead letter what theirs adds, and reads it back', () => {
    const at = Date.UTC(2025, 11, 13, 10, 11, 20, 500);
    const reason = { code: 'exhausted', message: 'boom', at: '', attempts: 4, history: [] } as const;
    const headers = deadLetterHeaders(reason);
    const letter = { headers, queue: 'events:document_updated', place: '1-1', now: at };
    const dead = dialect.dead(RETRIED, letter);
    expect(dead.slice(0, RETRIED.length)).toEqual(RETRIED);
    expect(dead.filter((_, index) => index % 2 === 0).slice(RETRIED.length / 2)).toEqual([
      'final_error',
      'dead_letter_at',
      'original_id',
    ]);
    expect(dead).toContain('boom (exhausted, attempts: 4)');
    const back = dialect.undead(dead);
    expect(back.native).toEqual(RETRIED);
    expect(readDeadLetterReason(back.headers)).toEqual({
      ...reason,
      at: new Date(at).toISOString().replace('500Z', '500000Z'),
    });
  });

  it('reads a dead letter of theirs', () => {
    const { headers } = dialect.undead([...RETRIED, 'final_error', 'Processing failed (sic)']);
    expect(readDeadLetterReason(headers)).toMatchObject({
      code: 'exhausted',
      message: 'Processing failed (sic)',
    });
  });

  it('tells why an entry could not be read', () => {
    const { headers } = dialect.decode(['x', 'y'], TOPIC);
    const reason = { code: 'malformed', message: 'specversion', at: '', attempts: 0, history: [] } as const;
    const letter = { headers: { ...headers, ...deadLetterHeaders(reason) }, queue: 'q', now: 0 };
    expect(dialect.dead(['x', 'y'], letter)).toContain(
      'the entry has no field data (malformed, attempts: 0)',
    );
  });
});
