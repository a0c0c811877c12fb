import { expect, test } from 'vitest';
import { partlyFailed } from '../../../test/support/sqs-server.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { ORDERED, TOPOLOGY } from '../../../test/support/topology.ts';

const BILLING = 'p-orders-billing';
const STOCK = 'p-orders-stock';

function message(id: string, only?: readonly string[]) {
  return { id, body: `body of ${id}`, headers: {}, ...(only && { only }) };
}

test('a batch that SQS answers with 200 may still have failed in part', async () => {
  const { transport } = await givenSqsServer((request) =>
    request.action === 'SendMessageBatch' && request.queue === BILLING
      ? partlyFailed(request, {
          0: { Code: 'InvalidMessageContents', SenderFault: true, Message: 'Invalid characters found' },
          2: { Code: 'InternalError', SenderFault: false },
          3: { Code: 'ThrottlingException', SenderFault: true },
        })
      : undefined,
  );
  const outcomes = await transport.send(
    'orders',
    ['a', 'b', 'c', 'd'].map((id) => message(id)),
  );
  expect(outcomes).toMatchObject([
    { error: { code: 'Invalid', retryable: false }, missing: ['billing'] },
    'accepted',
    { error: { code: 'Unavailable', retryable: true }, missing: ['billing'] },
    { error: { code: 'Throttled', retryable: true }, missing: ['billing'] },
  ]);
});

test('a key asks for fairness on a standard queue, and for order on a FIFO queue', async () => {
  for (const [topology, deduplicated] of [
    [TOPOLOGY, undefined],
    [ORDERED, 'a'],
  ] as const) {
    const { server, transport } = await givenSqsServer(() => undefined, topology);
    await transport.send('orders', [{ ...message('a', ['billing']), key: 'customer-7' }]);
    const [request] = server.requests.filter(({ action }) => action === 'SendMessageBatch');
    const [entry] = request?.entries ?? [];
    expect(entry).toMatchObject({ MessageGroupId: 'customer-7' });
    expect(entry?.['MessageDeduplicationId']).toBe(deduplicated);
  }
});

test('what SQS does not mention may not have arrived', async () => {
  const { transport } = await givenSqsServer(({ action }) =>
    action === 'SendMessageBatch' ? { output: { Successful: [{ Id: '1' }] } } : undefined,
  );
  const outcomes = await transport.send('orders', [message('a'), message('b')]);
  expect(outcomes).toMatchObject([
    { error: { code: 'Unavailable' }, missing: ['billing', 'stock'] },
    'accepted',
  ]);
});

test('only the copies that are missing are sent again', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const outcomes = await transport.send('orders', [
    message('a', ['billing']),
    message('b'),
    message('c', ['stock']),
  ]);
  expect(outcomes).toEqual(['accepted', 'accepted', 'accepted']);
  const bodies = server.requests
    .filter(({ action }) => action === 'SendMessageBatch')
    .map(({ queue, entries }) => [queue, entries.map(({ Id, MessageBody }) => [Id, MessageBody])]);
  expect(Object.fromEntries(bodies)).toEqual({
    [BILLING]: [
      ['0', 'body of a'],
      ['1', 'body of b'],
    ],
    [STOCK]: [
      ['0', 'body of b'],
      ['1', 'body of c'],
    ],
  });
});

test('a queue that is away costs only its own copies', async () => {
  const { transport } = await givenSqsServer(({ action, queue }) =>
    action === 'SendMessageBatch' && queue === STOCK ? { error: 'InternalFailure', status: 500 } : undefined,
  );
  const outcomes = await transport.send('orders', [message('a'), message('b', ['billing'])]);
  expect(outcomes).toMatchObject([{ error: { code: 'Unavailable' }, missing: ['stock'] }, 'accepted']);
});

test('a message is worth another try as long as one of its copies is', async () => {
  const { transport } = await givenSqsServer((request) => {
    if (request.action !== 'SendMessageBatch') return undefined;
    return request.queue === BILLING
      ? partlyFailed(request, { 0: { Code: 'InvalidMessageContents', SenderFault: true } })
      : partlyFailed(request, { 0: { Code: 'InternalError', SenderFault: false } });
  });
  expect(await transport.send('orders', [message('a')])).toMatchObject([
    { error: { code: 'Unavailable', retryable: true }, missing: ['billing', 'stock'] },
  ]);
});

test('when no queue answers, nothing is known of any message', async () => {
  const { transport } = await givenSqsServer(({ action }) =>
    action === 'SendMessageBatch' ? { error: 'RequestThrottled' } : undefined,
  );
  await expect(transport.send('orders', [message('a')])).rejects.toMatchObject({ code: 'Throttled' });
});

test('a subscription that is unknown is not served, and the others are', async () => {
  const { transport } = await givenSqsServer(() => undefined);
  const outcomes = await transport.send('orders', [message('a', ['nobody']), message('b')]);
  expect(outcomes).toMatchObject([{ error: { code: 'NotFound' } }, 'accepted']);
});

test('more than SQS takes at once is refused before anything is sent', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const eleven = Array.from({ length: 11 }, (_, index) => message(String(index)));
  await expect(transport.send('orders', eleven)).rejects.toMatchObject({
    code: 'Invalid',
    message: '11 messages in one send: SQS takes 10',
  });
  const large = { ...message('x'), body: 'x'.repeat(600_000) };
  await expect(transport.send('orders', [large, large])).rejects.toMatchObject({ code: 'TooLarge' });
  expect(server.requests).toEqual([]);
});

test('a send can be cut short', async () => {
  const { server, transport } = await givenSqsServer(({ action }) =>
    action === 'SendMessageBatch' ? 'hang' : undefined,
  );
  const stop = new AbortController();
  const sent = transport.send('orders', [message('a', ['billing'])], stop.signal);
  await expect.poll(() => server.count('SendMessageBatch')).toBe(1);
  stop.abort();
  await expect(sent).rejects.toMatchObject({ code: 'Unavailable', retryable: true });
});
