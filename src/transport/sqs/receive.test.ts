import { expect, onTestFinished, test } from 'vitest';
import { startTestFauxqs } from '../../../test/support/fauxqs.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { BILLING, TOPOLOGY } from '../../../test/support/topology.ts';
import { createSqsTransport } from './sqs.ts';

async function given() {
  const emulator = await startTestFauxqs();
  const transport = createSqsTransport(TOPOLOGY, emulator.options);
  onTestFinished(async () => {
    await transport.close();
    await emulator.stop();
  });
  await transport.provision();
  return { emulator, transport };
}

const NOW = { max: 10, waitMs: 0, leaseMs: 30_000 };

test('what another program sent can be received, given up and replayed', async () => {
  const { emulator, transport } = await given();
  emulator.sendForeign('p-orders-billing', 'said by another', { trace: 't-1' });
  const [delivery] = await transport.receive(BILLING, NOW);
  if (delivery === undefined) throw new Error('it did not come');
  expect(delivery).toMatchObject({ body: 'said by another', headers: { trace: 't-1' }, deliveries: 1 });
  expect(delivery.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(delivery.enqueuedAt).toBeGreaterThan(Date.now() - 60_000);

  const { receipt } = delivery;
  await transport.settle(BILLING, [{ receipt, action: 'deadLetter', headers: { why: 'x' } }]);
  const [letter] = await transport.deadLetters.scan(BILLING, NOW);
  if (letter === undefined) throw new Error('it is not there');
  expect(letter).toMatchObject({ id: delivery.id, headers: { trace: 't-1', why: 'x' } });
  await transport.deadLetters.replay(BILLING, [{ letter, headers: { trace: 't-1' } }]);
  const [again] = await transport.receive(BILLING, NOW);
  expect(again).toMatchObject({ id: delivery.id, body: delivery.body, headers: { trace: 't-1' } });
});

test('what SQS itself moves to the dead-letter queue is found there', async () => {
  const { transport } = await given();
  await transport.send('orders', [{ id: '7', body: 'poison', headers: { a: '1' } }]);
  for (let delivery = 1; delivery <= 25; delivery++) {
    const [one] = await transport.receive(BILLING, NOW);
    expect(one).toMatchObject({ id: '7', deliveries: delivery });
    if (one !== undefined) await transport.settle(BILLING, [{ receipt: one.receipt, action: 'release' }]);
  }
  expect(await transport.receive(BILLING, NOW)).toEqual([]);
  const [letter] = await transport.deadLetters.scan(BILLING, NOW);
  expect(letter).toMatchObject({ id: '7', body: 'poison', headers: { a: '1' } });
});

test('what is asked for is asked of SQS in its own units and limits', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  await transport.receive(BILLING, { max: 500, waitMs: 1, leaseMs: 1_001 });
  await transport.receive(BILLING, { max: 3, waitMs: 0, leaseMs: 13 * 3_600_000 });
  const inputs = server.requests
    .filter(({ action }) => action === 'ReceiveMessage')
    .map(({ input }) => input);
  expect(inputs).toMatchObject([
    { MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 2 },
    { MaxNumberOfMessages: 3, WaitTimeSeconds: 0, VisibilityTimeout: 43_200 },
  ]);
});

test('a receive that is stopped before it begins asks nothing', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  expect(await transport.receive(BILLING, { ...NOW, signal: AbortSignal.abort() })).toEqual([]);
  expect(server.requests).toEqual([]);
});

test('the key is that of the message, or else its group', async () => {
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  const message = { MessageId: 'm', ReceiptHandle: 'r', Body: 'b' };
  const { transport } = await givenSqsServer(({ action }) =>
    action === 'ReceiveMessage'
      ? {
          output: {
            Messages: [
              {
                ...message,
                Attributes: { MessageGroupId: 'hash' },
                MessageAttributes: {
                  'hikyaku-key': text('ü'),
                  picture: { DataType: 'Binary', BinaryValue: 'AAAA' },
                },
              },
              { ...message, Attributes: { MessageGroupId: 'group' } },
              message,
            ],
          },
        }
      : undefined,
  );
  const received = await transport.receive(BILLING, NOW);
  expect(received.map(({ key }) => key)).toEqual(['ü', 'group', undefined]);
  expect(received[0]?.headers).toEqual({});
  expect(received[2]).toMatchObject({ id: 'm', deliveries: 1, enqueuedAt: 0 });
});
