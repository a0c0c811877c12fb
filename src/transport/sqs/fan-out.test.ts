import { expect, test } from 'vitest';
import { Ping } from '../../../test/support/ping.ts';
import { partlyFailed } from '../../../test/support/sqs-server.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { createPublisher } from '../../publish/publisher.ts';

const Orders = { ...Ping, name: 'orders' };
const STOCK = 'p-orders-stock';

test('when the queue of one subscription fails, only its copies are sent again, and then all is accepted', async () => {
  let failures = 2;
  const { server, transport } = await givenSqsServer((request) =>
    request.action === 'SendMessageBatch' && request.queue === STOCK && failures-- > 0
      ? { error: 'ServiceUnavailable', status: 503 }
      : undefined,
  );
  const publisher = createPublisher({ transport });
  const ids = ['a', 'b', 'c'];
  await Promise.all(ids.map((id, n) => publisher.publish(Orders, { n }, { id })));
  const sent = server.requests
    .filter(({ action }) => action === 'SendMessageBatch')
    .map(({ queue, entries }) => `${queue} ${entries.length}`);
  expect(sent.toSorted()).toEqual([
    'p-orders-billing 3',
    'p-orders-stock 3',
    'p-orders-stock 3',
    'p-orders-stock 3',
  ]);
});

test('when some copies of one subscription fail, only those are sent again', async () => {
  let failed = false;
  const { server, transport } = await givenSqsServer((request) => {
    if (request.action !== 'SendMessageBatch' || request.queue !== STOCK || failed) return undefined;
    failed = true;
    return partlyFailed(request, { 1: { Code: 'InternalError', SenderFault: false } });
  });
  const publisher = createPublisher({ transport });
  const outcomes = await publisher.publishMany(
    Orders,
    [0, 1, 2].map((n) => ({ data: { n }, id: `id-${n}` })),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'accepted']);
  const sends = server.requests.filter(({ action }) => action === 'SendMessageBatch');
  expect(sends.filter(({ queue }) => queue !== STOCK)).toHaveLength(1);
  const again = sends.at(-1);
  expect(again?.queue).toBe(STOCK);
  expect(again?.entries.map(({ MessageBody }) => JSON.parse(String(MessageBody)).id)).toEqual(['id-1']);
});

test('when one subscription never takes its copy, the publish fails although the other has its own', async () => {
  const { server, transport } = await givenSqsServer((request) =>
    request.action === 'SendMessageBatch' && request.queue === STOCK
      ? { error: 'AccessDenied', status: 403 }
      : undefined,
  );
  const publisher = createPublisher({ transport });
  await expect(publisher.publish(Orders, { n: 1 })).rejects.toMatchObject({ code: 'Denied' });
  expect(server.count('SendMessageBatch')).toBe(2);
});
