import { describe, expect, it } from 'vitest';
import { deadLetterHeaders } from '../../message/dead-letter.ts';
import { readEnvelope } from '../../message/envelope.ts';
import { agents } from './agents.ts';
import { isSigned, sign } from './agents-signature.ts';
import { fieldOf } from './fields.ts';
import { UNREAD } from './unread.ts';

const SIGNED = {
  id: '00000000-0000-4000-8000-000000000001',
  from: 'a',
  to: 'b',
  type: 'event',
  payload: '{"b":1,"a":"é"}',
  timestamp: '1700000000.0',
};
const SIGNATURE = '2f6d89f12d3e1cc3ce4b9408ca30802b63226bdbcc962a5df91455b814cbd9cb';
const ENTRY = [
  ...['id', SIGNED.id, 'from_agent', 'a', 'to_agent', 'b', 'message_type', 'event'],
  ...['payload', '{"b": 1, "a": "\\u00e9"}', 'priority', 'high', 'timestamp', '1700000000.0'],
  ...['correlation_id', 'c-1', 'signature', SIGNATURE, 'ttl', '3600'],
];
const BODY = {
  specversion: '1.0',
  id: SIGNED.id,
  source: 'a',
  type: 'b',
  time: '2023-11-14T22:13:20.000Z',
  subject: 'b',
  datacontenttype: 'application/json',
  dataschema: 'urn:hikyaku:b:1',
  correlationid: 'c-1',
  messagetype: 'event',
  priority: 'high',
  expirytime: '2023-11-14T23:13:20.000Z',
  data: { b: 1, a: 'é' },
};
const TO_B = { topic: 'b', now: 0 };

describe('the dialect of agents', () => {
  const { dialect } = agents({ secret: 'secret' });

  it('signs as theirs does', () => {
    expect(sign('secret', SIGNED)).toBe(SIGNATURE);
    expect(isSigned('secret', SIGNED, SIGNATURE)).toBe(true);
    expect(isSigned('other', SIGNED, SIGNATURE)).toBe(false);
    expect(isSigned('secret', { ...SIGNED, payload: '{"b":1.0,"a":"é"}' }, SIGNATURE)).toBe(false);
    expect(isSigned('secret', SIGNED, 'short')).toBe(false);
  });

  it('reads an entry as an envelope, its payload as data', () => {
    const { id, body, headers } = dialect.decode(ENTRY, TO_B);
    expect([id, headers, JSON.parse(body)]).toEqual([SIGNED.id, {}, BODY]);
    expect(readEnvelope(body).data).toEqual(BODY.data);
  });

  it('writes it again, field by field', () => {
    const { id, body, headers } = dialect.decode(ENTRY, TO_B);
    expect(dialect.encode({ id, body, headers }, TO_B)).toEqual(ENTRY);
  });

  it('writes what theirs has no less than it needs', () => {
    const { subject, correlationid, messagetype, priority, expirytime, ...plain } = BODY;
    const unsigned = agents({ type: 'task_request' }).dialect;
    expect(
      unsigned.encode(
        { id: plain.id, body: JSON.stringify(plain), headers: {} },
        { ...TO_B, topic: 'broadcast' },
      ),
    ).toEqual([
      ...['id', SIGNED.id, 'from_agent', 'a', 'to_agent', 'broadcast', 'message_type', 'task_request'],
      ...['payload', '{"b": 1, "a": "\\u00e9"}', 'priority', 'normal', 'timestamp', '1700000000.0'],
      ...['correlation_id', '', 'signature', ''],
    ]);
  });

  it.each([
    ['a changed payload', 'payload', '{"b": 2, "a": "\\u00e9"}', 'its signature does not match'],
    ['a changed sender', 'from_agent', 'x', 'its signature does not match'],
    ['no signature', 'signature', '', 'it is not signed'],
    ['no JSON', 'payload', 'no JSON', 'its payload is no JSON object'],
    ['no time', 'timestamp', '', 'timestamp in seconds'],
    ['a time beyond all', 'timestamp', '1e300', 'timestamp in seconds'],
  ])('leaves an entry with %s as it is, and says why', (_, name, value, why) => {
    const entry = ENTRY.map((text, index) => (ENTRY[index - 1] === name && index % 2 === 1 ? value : text));
    const { body, headers } = dialect.decode(entry, TO_B);
    expect(JSON.parse(body)).toMatchObject({ id: SIGNED.id, [name]: value });
    expect(headers[UNREAD]).toContain(why);
    expect(() => readEnvelope(body)).toThrow();
  });

  it('reads what is not signed where nothing was agreed', () => {
    const entry = ENTRY.map((text) => (text === SIGNATURE ? '' : text));
    expect(agents({}).dialect.decode(entry, TO_B).headers).toEqual({});
  });

  it('adds to a dead letter what theirs adds, and reads it back', () => {
    const reason = { code: 'rejected', message: 'no such task', at: '', attempts: 2, history: [] } as const;
    const letter = {
      headers: { ...deadLetterHeaders(reason), 'hikyaku-replays': '3' },
      queue: 'agent_messages:b',
    };
    const dead = dialect.dead(ENTRY, { ...letter, now: 1_700_000_001_500 });
    expect(dead.slice(0, ENTRY.length)).toEqual(ENTRY);
    expect(dead.slice(ENTRY.length)).toEqual([
      ...['dlq_timestamp', '1700000001.5'],
      ...['dlq_error', 'no such task (rejected, attempts: 2, replays: 3)'],
      ...['dlq_original_stream', 'agent_messages:b'],
    ]);
    const { native, headers } = dialect.undead(dead);
    expect(native).toEqual(ENTRY);
    expect(headers).toEqual({
      ...deadLetterHeaders({ ...reason, at: '2023-11-14T22:13:21.500Z' }),
      'hikyaku-replays': '3',
    });
  });

  it('names streams, groups and dead letters as theirs does', () => {
    const system = agents({});
    expect([system.stream('b'), system.dead('b')]).toEqual(['agent_messages:b', 'agent_messages:b:dlq']);
    expect(system.group('b', 'audit', true)).toBe('consumers:b');
    expect(system.group('broadcast', 'audit', true)).toBe('broadcast_consumers');
    expect(system.group('b', 'audit', false)).toBe('consumers:b:audit');
  });

  it('refuses what it cannot say', () => {
    const body = JSON.stringify({ ...BODY, data: [1] });
    expect(() => dialect.encode({ id: 'x', body, headers: {} }, TO_B)).toThrow('no JSON object');
    expect(() => dialect.encode({ id: 'x', body: 'text', headers: {} }, TO_B)).toThrow('no envelope');
    expect(fieldOf([], 'id')).toBeUndefined();
  });
});
