import { expect, test } from 'vitest';
import { partlyFailed, type SqsAnswer, type SqsRequest } from '../../../test/support/sqs-server.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { BILLING } from '../../../test/support/topology.ts';
import { SqsReceipt } from './receipt.ts';

const QUEUE = 'p-orders-billing';
const HOUR = 3_600_000;

function receipt(handle: string, fields: { body?: string; receivedAgoMs?: number } = {}): SqsReceipt {
  const { body = `body of ${handle}`, receivedAgoMs = 0 } = fields;
  const now = performance.now();
  const message = {
    id: `id-${handle}`,
    body,
    headers: { a: '1' },
    key: 'k',
    enqueuedAt: 7,
    messageId: `m-${handle}`,
  };
  return new SqsReceipt(handle, message, now - receivedAgoMs, now + HOUR);
}

function failing(action: string, answer: (request: SqsRequest) => SqsAnswer | undefined) {
  return (request: SqsRequest) => (request.action === action ? answer(request) : undefined);
}

test('ten deliveries end with one request of each kind', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const outcomes = await transport.settle(BILLING, [
    { receipt: receipt('0'), action: 'ack' },
    { receipt: receipt('1'), action: 'retry', delayMs: 1_500 },
    { receipt: receipt('2'), action: 'deadLetter', headers: { why: 'x' } },
    { receipt: receipt('3'), action: 'release' },
    { receipt: receipt('4'), action: 'ack' },
    { receipt: receipt('5'), action: 'retry', delayMs: 0 },
    { receipt: receipt('6'), action: 'ack' },
    { receipt: receipt('7'), action: 'ack' },
    { receipt: receipt('8'), action: 'deadLetter', headers: { a: 'new' } },
    { receipt: receipt('9'), action: 'ack' },
  ]);
  expect(outcomes).toEqual(Array.from({ length: 10 }, () => 'settled'));
  const requests = Object.fromEntries(
    server.requests
      .filter(({ action }) => action !== 'GetQueueUrl')
      .map(({ action, queue, entries }) => [`${action} ${queue}`, entries]),
  );
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const attributes = { 'hikyaku-key': text('k') };
  expect(requests).toEqual({
    [`ChangeMessageVisibilityBatch ${QUEUE}`]: [
      { Id: '0', ReceiptHandle: '1', VisibilityTimeout: 2 },
      { Id: '1', ReceiptHandle: '3', VisibilityTimeout: 0 },
      { Id: '2', ReceiptHandle: '5', VisibilityTimeout: 0 },
    ],
    [`SendMessageBatch ${QUEUE}-dlq`]: [
      {
        Id: '0',
        MessageBody: 'body of 2',
        MessageAttributes: {
          ...attributes,
          'hikyaku-id': text('id-2'),
          hikyaku: text('{"a":"1","why":"x"}'),
        },
        MessageGroupId: 'k',
      },
      {
        Id: '1',
        MessageBody: 'body of 8',
        MessageAttributes: { ...attributes, 'hikyaku-id': text('id-8'), hikyaku: text('{"a":"new"}') },
        MessageGroupId: 'k',
      },
    ],
    [`DeleteMessageBatch ${QUEUE}`]: ['0', '4', '6', '7', '9', '2', '8'].map((ReceiptHandle, place) => ({
      Id: String(place),
      ReceiptHandle,
    })),
  });
});

test('what is postponed is stored in its own queue, with its age, before it is deleted', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const late = receipt('2');
  late.leaseUntil = performance.now() - 1;
  const settlements = [
    { receipt: receipt('0'), action: 'postpone', delayMs: 1_500 },
    { receipt: receipt('1'), action: 'postpone', delayMs: 86_400_000 },
    { receipt: late, action: 'postpone', delayMs: 0 },
  ] as const;
  // One that is late has come again, or will: a copy of it would be one more.
  expect(await transport.settle(BILLING, settlements)).toEqual([
    'settled',
    'settled',
    expect.objectContaining({ code: 'LeaseLost' }),
  ]);
  const requests = server.requests.filter(({ action }) => action !== 'GetQueueUrl');
  expect(requests.map(({ action, queue }) => `${action} ${queue}`)).toEqual([
    `SendMessageBatch ${QUEUE}`,
    `DeleteMessageBatch ${QUEUE}`,
  ]);
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const entry = (n: number, DelaySeconds: number) => ({
    Id: String(n),
    MessageBody: `body of ${n}`,
    MessageAttributes: {
      'hikyaku-id': text(`id-${n}`),
      'hikyaku-key': text('k'),
      'hikyaku-at': text('7'),
      hikyaku: text('{"a":"1"}'),
    },
    MessageGroupId: 'k',
    DelaySeconds,
  });
  expect(requests.map(({ entries }) => entries)).toEqual([
    [entry(0, 2), entry(1, 900)],
    [
      { Id: '0', ReceiptHandle: '0' },
      { Id: '1', ReceiptHandle: '1' },
    ],
  ]);
});

test('what could not be stored anew is not deleted, and what could not be deleted is not stored twice', async () => {
  let refused: 'SendMessageBatch' | 'DeleteMessageBatch' = 'SendMessageBatch';
  const { server, transport } = await givenSqsServer((request) =>
    request.action === refused
      ? partlyFailed(request, { 0: { Code: 'InternalError', SenderFault: false } })
      : undefined,
  );
  const settlement = { receipt: receipt('0'), action: 'postpone', delayMs: 1_000 } as const;
  const settle = async () => {
    const before = server.requests.length;
    const outcomes = await transport.settle(BILLING, [settlement]);
    const actions = server.requests.slice(before).map(({ action }) => action);
    return [outcomes, actions.filter((action) => action !== 'GetQueueUrl')];
  };
  const failed = [expect.objectContaining({ code: 'Unavailable' })];
  expect(await settle()).toEqual([failed, ['SendMessageBatch']]);
  refused = 'DeleteMessageBatch';
  expect(await settle()).toEqual([failed, ['SendMessageBatch', 'DeleteMessageBatch']]);
  expect(await settle()).toEqual([failed, ['DeleteMessageBatch']]);
});

test('a message that the dead-letter queue does not take stays where it is', async () => {
  const { server, transport } = await givenSqsServer(
    failing('SendMessageBatch', (request) =>
      partlyFailed(request, { 0: { Code: 'InternalError', SenderFault: false } }),
    ),
  );
  const outcomes = await transport.settle(BILLING, [
    { receipt: receipt('0'), action: 'deadLetter', headers: {} },
    { receipt: receipt('1'), action: 'deadLetter', headers: {} },
    { receipt: receipt('2'), action: 'ack' },
  ]);
  expect(outcomes).toMatchObject([{ code: 'Unavailable' }, 'settled', 'settled']);
  const deleted = server.requests.find(({ action }) => action === 'DeleteMessageBatch')?.entries;
  expect(deleted?.map(({ ReceiptHandle }) => ReceiptHandle)).toEqual(['2', '1']);
});

test('a dead-letter queue that is away does not hold up the others', async () => {
  const { transport } = await givenSqsServer(
    failing('SendMessageBatch', () => ({ error: 'ServiceUnavailable', status: 503 })),
  );
  const outcomes = await transport.settle(BILLING, [
    { receipt: receipt('0'), action: 'deadLetter', headers: {} },
    { receipt: receipt('1'), action: 'ack' },
    { receipt: receipt('2'), action: 'release' },
  ]);
  expect(outcomes).toMatchObject([{ code: 'Unavailable' }, 'settled', 'settled']);
});

test('a dead letter that could not be deleted is not stored a second time', async () => {
  let answered = 0;
  const { server, transport } = await givenSqsServer(
    failing('DeleteMessageBatch', () => {
      answered++;
      return answered === 1 ? { error: 'RequestThrottled' } : undefined;
    }),
  );
  const settlement = { receipt: receipt('0'), action: 'deadLetter', headers: {} } as const;
  expect(await transport.settle(BILLING, [settlement])).toMatchObject([{ code: 'Throttled' }]);
  expect(await transport.settle(BILLING, [settlement])).toEqual(['settled']);
  expect(server.count('SendMessageBatch')).toBe(1);
});

test('a dead letter that became too large stays where it is', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const outcomes = await transport.settle(BILLING, [
    { receipt: receipt('0'), action: 'deadLetter', headers: { why: 'x'.repeat(1_100_000) } },
  ]);
  expect(outcomes).toMatchObject([{ code: 'TooLarge' }]);
  expect(server.requests).toEqual([]);
});

test('large dead letters go in as many requests as they need', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const body = 'x'.repeat(400_000);
  const settlements = ['0', '1', '2', '3', '4'].map(
    (handle) => ({ receipt: receipt(handle, { body }), action: 'deadLetter', headers: {} }) as const,
  );
  const outcomes = await transport.settle(BILLING, settlements);
  expect(outcomes).toEqual(settlements.map(() => 'settled'));
  const sends = server.requests.filter(({ action }) => action === 'SendMessageBatch');
  expect(sends.map(({ entries }) => entries.length).sort()).toEqual([1, 2, 2]);
  expect(server.count('DeleteMessageBatch')).toBe(1);
});

test('each refusal is an outcome of its own', async () => {
  const { transport } = await givenSqsServer((request) => {
    if (request.action === 'DeleteMessageBatch') {
      return partlyFailed(request, { 1: { Code: 'ReceiptHandleIsInvalid', SenderFault: true } });
    }
    if (request.action !== 'ChangeMessageVisibilityBatch') return undefined;
    return partlyFailed(request, {
      0: { Code: 'MessageNotInflight', SenderFault: true },
      1: { Code: 'InternalError', SenderFault: false },
    });
  });
  const outcomes = await transport.settle(BILLING, [
    { receipt: receipt('0'), action: 'ack' },
    { receipt: receipt('1'), action: 'ack' },
    { receipt: receipt('2'), action: 'release' },
    { receipt: receipt('3'), action: 'retry', delayMs: 1_000 },
  ]);
  expect(outcomes).toMatchObject([
    'settled',
    { code: 'LeaseLost' },
    { code: 'LeaseLost' },
    { code: 'Unavailable' },
  ]);
});

test('when nothing is answered, nothing is settled', async () => {
  const { transport } = await givenSqsServer(({ action }) => (action === 'GetQueueUrl' ? undefined : 'cut'));
  const settlements = [
    { receipt: receipt('0'), action: 'ack' },
    { receipt: receipt('1'), action: 'release' },
    { receipt: receipt('2'), action: 'deadLetter', headers: {} },
  ] as const;
  await expect(transport.settle(BILLING, settlements)).rejects.toMatchObject({ code: 'Unavailable' });
});

test('delays and leases end within the 12 hours that SQS allows', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const old = receipt('old', { receivedAgoMs: 11 * HOUR });
  await transport.extend(BILLING, [old], 2 * HOUR);
  expect(old.leaseUntil).toBeLessThanOrEqual(performance.now() + HOUR);
  expect(old.leaseUntil).toBeGreaterThan(performance.now() + HOUR - 10_000);
  await transport.settle(BILLING, [{ receipt: old, action: 'retry', delayMs: 12 * HOUR }]);
  const seconds = server.requests
    .filter(({ action }) => action === 'ChangeMessageVisibilityBatch')
    .map(({ entries }) => Number(entries[0]?.['VisibilityTimeout']));
  expect(seconds).toHaveLength(2);
  for (const value of seconds) {
    expect(value).toBeLessThanOrEqual(3_600);
    expect(value).toBeGreaterThan(3_590);
  }
});

test('an extension that fails leaves the lease as it was', async () => {
  const { transport } = await givenSqsServer(
    failing('ChangeMessageVisibilityBatch', (request) =>
      partlyFailed(request, { 0: { Code: 'InternalError', SenderFault: false } }),
    ),
  );
  const failed = receipt('0');
  const { leaseUntil } = failed;
  expect(await transport.extend(BILLING, [failed, receipt('1')], 2 * HOUR)).toMatchObject([
    { code: 'Unavailable' },
    'settled',
  ]);
  expect(failed.leaseUntil).toBe(leaseUntil);
});

test('more than ten deliveries at once are refused', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const eleven = Array.from({ length: 11 }, (_, index) => receipt(String(index)));
  const error = { code: 'Invalid', message: '11 deliveries in one call: SQS takes 10' };
  const acks = eleven.map((one) => ({ receipt: one, action: 'ack' }) as const);
  await expect(transport.settle(BILLING, acks)).rejects.toMatchObject(error);
  await expect(transport.extend(BILLING, eleven, 1_000)).rejects.toMatchObject(error);
  expect(server.requests).toEqual([]);
});

test('what was asked for in vain before is not certain near the end of the lease', async () => {
  let cuts = 1;
  const { transport } = await givenSqsServer(
    failing('DeleteMessageBatch', () => (cuts-- > 0 ? 'cut' : undefined)),
  );
  const one = receipt('0');
  const begun = performance.now();
  const ack = () => transport.settle(BILLING, [{ receipt: one, action: 'ack' }]);
  await expect(ack()).rejects.toMatchObject({ code: 'Unavailable' });
  await expect.poll(() => performance.now() - begun).toBeGreaterThan(300);
  one.leaseUntil = performance.now() + 200;
  expect(await ack()).toEqual(['unverified']);
});
