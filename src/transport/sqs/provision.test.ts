import { expect, onTestFinished, test } from 'vitest';
import { startTestFauxqs } from '../../../test/support/fauxqs.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { BILLING, ORDERED, TOPOLOGY } from '../../../test/support/topology.ts';
import { createSqsTransport } from './sqs.ts';

const QUEUE = 'p-orders-billing';
const ATTRIBUTES = {
  VisibilityTimeout: '91',
  ReceiveMessageWaitTimeSeconds: '20',
  RedrivePolicy: JSON.stringify({
    deadLetterTargetArn: `arn:aws:sqs:eu-west-1:000000000000:${QUEUE}-dlq`,
    maxReceiveCount: 25,
  }),
};

async function given(topology = TOPOLOGY) {
  const emulator = await startTestFauxqs();
  const transport = createSqsTransport(topology, emulator.options);
  onTestFinished(async () => {
    await transport.close();
    await emulator.stop();
  });
  return { emulator, transport };
}

test('queues are made as the topology says', async () => {
  const { emulator, transport } = await given();
  await transport.provision();
  expect(emulator.attributes(QUEUE)).toMatchObject({ ...ATTRIBUTES, SqsManagedSseEnabled: 'true' });
  expect(emulator.attributes(`${QUEUE}-dlq`)).toMatchObject({
    MessageRetentionPeriod: '1209600',
    SqsManagedSseEnabled: 'true',
  });
});

test('queues that are there are brought up to date, and keep their encryption', async () => {
  const { emulator, transport } = await given();
  emulator.createQueue(QUEUE, {
    VisibilityTimeout: '5',
    SqsManagedSseEnabled: 'false',
    KmsMasterKeyId: 'alias/own',
  });
  emulator.createQueue(`${QUEUE}-dlq`, { MessageRetentionPeriod: '60' });
  emulator.sendForeign(QUEUE, 'still here');
  await transport.provision();
  await transport.provision();
  expect(emulator.attributes(QUEUE)).toMatchObject({
    ...ATTRIBUTES,
    SqsManagedSseEnabled: 'false',
    KmsMasterKeyId: 'alias/own',
  });
  expect(emulator.attributes(`${QUEUE}-dlq`)).toMatchObject({ MessageRetentionPeriod: '1209600' });
  expect(await transport.receive(BILLING, { max: 1, waitMs: 0, leaseMs: 1_000 })).toHaveLength(1);
});

test('an ordered topic has FIFO queues, limited and deduplicated by key', async () => {
  const { emulator, transport } = await given(ORDERED);
  await transport.provision();
  await transport.provision();
  const fifo = {
    FifoQueue: 'true',
    ContentBasedDeduplication: 'false',
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
  };
  expect(emulator.attributes(`${QUEUE}.fifo`)).toMatchObject({ ...fifo, VisibilityTimeout: '91' });
  expect(emulator.attributes(`${QUEUE}.fifo`)?.['RedrivePolicy']).toContain(`${QUEUE}-dlq.fifo`);
  expect(emulator.attributes(`${QUEUE}-dlq.fifo`)).toMatchObject(fifo);
});

test('what a FIFO queue is cannot be set later, and is not', async () => {
  const { server, transport } = await givenSqsServer(
    ({ action }) => (action === 'CreateQueue' ? { error: 'QueueNameExists' } : undefined),
    ORDERED,
  );
  await transport.provision();
  const set = server.requests.filter(({ action }) => action === 'SetQueueAttributes');
  expect(set).toHaveLength(4);
  for (const { input } of set) expect(input['Attributes']).not.toHaveProperty('FifoQueue');
});

test('who may not create is told so', async () => {
  const { transport } = await givenSqsServer(({ action }) =>
    action === 'CreateQueue' ? { error: 'AccessDenied', status: 403 } : undefined,
  );
  await expect(transport.provision()).rejects.toMatchObject({ code: 'Denied', retryable: false });
});

test('what cannot be checked is not taken for missing', async () => {
  const { transport } = await givenSqsServer(({ queue }) =>
    queue === QUEUE ? { error: 'QueueDoesNotExist' } : { error: 'RequestThrottled' },
  );
  await expect(transport.verify()).rejects.toMatchObject({ code: 'Throttled' });
});

test('a depth that SQS does not tell is 0', async () => {
  const { transport } = await givenSqsServer(() => undefined);
  expect(await transport.depth(BILLING)).toEqual({ ready: 0, inFlight: 0, delayed: 0, dead: 0 });
});
