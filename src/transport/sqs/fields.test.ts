import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TransportError } from '../errors.ts';
import { type Outgoing, sizeOf } from '../transport.ts';
import { type Destination, type Fields, type LaidOut, layOut, layOutAgain } from './fields.ts';
import { fromFields } from './from-fields.ts';
import { LIMITS } from './limits.ts';

function fieldsOf(message: Partial<Outgoing>, ordered = false): Fields {
  return laidOut(layOut({ id: 'i', body: 'b', headers: {}, ...message }, ordered));
}

function laidOut(answer: LaidOut | TransportError): Fields {
  if (answer instanceof TransportError) throw answer;
  return answer.fields;
}

/** As SQS gives them back. */
function textsOf({ MessageAttributes }: Fields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(MessageAttributes).map(([name, { StringValue }]) => [name, StringValue]),
  );
}

/** As SQS counts. */
function bytesOf({ MessageBody, MessageAttributes }: Fields): number {
  let bytes = Buffer.byteLength(MessageBody);
  for (const [name, { DataType, StringValue }] of Object.entries(MessageAttributes)) {
    bytes += Buffer.byteLength(name + DataType + StringValue);
  }
  return bytes;
}

const plain = fc.string({ minLength: 1, unit: fc.constantFrom('a', '"', 'ü', '飛', '🏃', ' ', '\n') });
const anyText = fc.string({ unit: 'binary' });
const messages = fc.record(
  { id: plain, body: plain, headers: fc.dictionary(anyText, anyText), key: plain },
  { requiredKeys: ['id', 'body', 'headers'] },
);

test.each([false, true])('what is laid out can be read back, ordered: %s', (ordered) => {
  fc.assert(
    fc.property(messages, (message) => {
      const fields = fieldsOf(message, ordered);
      const { MessageBody, MessageGroupId } = fields;
      const { id, body, headers, key } = fromFields(MessageBody, textsOf(fields), 'm', MessageGroupId);
      expect({ id, body, key }).toEqual({ id: message.id, body: message.body, key: message.key });
      expect(Object.entries(headers).sort()).toEqual(Object.entries(message.headers).sort());
    }),
  );
});

test('SQS never counts more bytes than sizeOf says', () => {
  const texts = fc.string({ unit: 'grapheme' });
  fc.assert(
    fc.property(messages, fc.dictionary(texts, texts), (message, headers) => {
      const counted = { ...message, headers };
      expect(bytesOf(fieldsOf(counted))).toBeLessThanOrEqual(sizeOf(counted));
    }),
  );
});

test('headers hold nothing that XML 1.0 cannot', () => {
  const { MessageAttributes } = fieldsOf({ headers: { '\ufffe': '\uffff\u0000\ud800' } });
  expect(MessageAttributes['hikyaku']?.StringValue).toBe('{"\\ufffe":"\\uffff\\u0000\\ud800"}');
});

test('a message without headers and key has one attribute, its id', () => {
  expect(fieldsOf({ id: '7' })).toEqual({
    MessageBody: 'b',
    MessageAttributes: { 'hikyaku-id': { DataType: 'String', StringValue: '7' } },
  });
});

test.each([
  ['customer-7', 'customer-7'],
  ['ü', expect.stringMatching(/^[0-9a-f]{64}$/)],
  ['with space', expect.stringMatching(/^[0-9a-f]{64}$/)],
  ['x'.repeat(129), expect.stringMatching(/^[0-9a-f]{64}$/)],
])('the key %s becomes a group that SQS takes', (key, group) => {
  expect(fieldsOf({ key }).MessageGroupId).toEqual(group);
  expect(fieldsOf({ key }, true).MessageGroupId).toEqual(group);
});

test('on a FIFO queue the id deduplicates, and is the group of a message without a key', () => {
  expect(fieldsOf({ id: '7', key: 'k' }, true)).toMatchObject({
    MessageGroupId: 'k',
    MessageDeduplicationId: '7',
  });
  expect(fieldsOf({ id: '7' }, true)).toMatchObject({ MessageGroupId: '7', MessageDeduplicationId: '7' });
  expect(fieldsOf({ id: 'ü' }, true).MessageDeduplicationId).toMatch(/^[0-9a-f]{64}$/);
  expect(fieldsOf({ id: '7', key: 'k' })).not.toHaveProperty('MessageDeduplicationId');
});

test('a FIFO queue delays no message', () => {
  const message = { id: 'i', body: 'b', headers: {} };
  expect(layOut({ ...message, delayMs: 1 }, true)).toMatchObject({ code: 'Unsupported', retryable: false });
  expect(fieldsOf({ delayMs: 0 }, true)).not.toHaveProperty('DelaySeconds');
});

test('what moves is deduplicated by the copy that moves; a dead letter is a group of its own', () => {
  const message = { id: 'i', body: 'b', headers: {}, enqueuedAt: 0, messageId: 'm' };
  const kept = { ...message, key: 'k' };
  const groups = (carried: typeof message, destination: Destination) => {
    const { MessageGroupId, MessageDeduplicationId } = laidOut(layOutAgain(carried, true, destination));
    return [MessageGroupId, MessageDeduplicationId];
  };
  expect(groups(kept, 'dead letters')).toEqual(['m', 'm']);
  expect(groups(kept, 'own queue')).toEqual(['k', 'm']);
  expect(groups(message, 'own queue')).toEqual(['i', 'm']);
  expect(laidOut(layOutAgain(kept, false, 'own queue'))).not.toHaveProperty('MessageDeduplicationId');
  expect(laidOut(layOutAgain(kept, false, 'own queue'))).toHaveProperty('MessageGroupId', 'k');
});

test.each([
  [0, 0],
  [1, 1],
  [1_000, 1],
  [1_001, 2],
])('a delay of %i ms is %i s', (delayMs, seconds) => {
  expect(fieldsOf({ delayMs }).DelaySeconds).toBe(seconds);
});

test.each([
  ['an empty body', { body: '' }],
  ['an empty id', { id: '' }],
  ['an empty key', { key: '' }],
  ['a control character', { body: 'a\u0001' }],
  ['half a pair', { body: '\udc00' }],
  ['U+FFFE in the id', { id: '\ufffe' }],
  ['U+FFFF in the key', { key: '\uffff' }],
])('%s is refused before anything is sent', (_, message) => {
  expect(layOut({ id: 'i', body: 'b', headers: {}, ...message }, false)).toMatchObject({ code: 'Invalid' });
});

test('a dead letter may use the room that is kept for it', () => {
  const message = {
    id: 'i',
    body: 'x'.repeat(LIMITS.messageBytes),
    headers: {},
    enqueuedAt: 0,
    messageId: 'm',
  };
  const again = (body: string) => layOutAgain({ ...message, body }, false, 'dead letters');
  expect(layOut(message, false)).toMatchObject({ code: 'TooLarge' });
  expect(again(message.body)).toMatchObject({ bytes: sizeOf(message) });
  expect(again('x'.repeat(LIMITS.sendBytes))).toMatchObject({ code: 'TooLarge' });
});

test('what other programs send has the id that SQS gave it, and their attributes as headers', () => {
  expect(fromFields('b', { trace: 't', count: '7' }, 'm-1', 'group')).toEqual({
    id: 'm-1',
    body: 'b',
    headers: { trace: 't', count: '7' },
    key: 'group',
    enqueuedAt: 0,
    messageId: 'm-1',
  });
});

test.each(['not JSON', '7', 'null', '["a"]', '{"a":1}'])(
  'an attribute of our name that holds %s is a header like any other',
  (value) => {
    expect(fromFields('b', { hikyaku: value, a: '1' }, 'm', undefined)).toEqual({
      id: 'm',
      body: 'b',
      headers: { hikyaku: value, a: '1' },
      enqueuedAt: 0,
      messageId: 'm',
    });
  },
);

test('our headers win over attributes of the same name', () => {
  const { headers } = fromFields('b', { hikyaku: '{"a":"ours"}', a: 'theirs', b: 'x' }, 'm', undefined);
  expect(headers).toEqual({ a: 'ours', b: 'x' });
});

test('a copy that was postponed is as old as the message, and none is made younger or has it as a header', () => {
  const at = (text: string) => {
    const { enqueuedAt, headers } = fromFields('b', { 'hikyaku-at': text }, 'm', undefined, '1700000000000');
    expect(headers).toEqual({});
    return enqueuedAt;
  };
  expect(at('1600000000000')).toBe(1_600_000_000_000);
  expect(['1800000000000', 'Infinity', 'soon', ''].map(at)).toEqual([1.7e12, 1.7e12, 1.7e12, 1.7e12]);
});
