import { expect, onTestFinished, test } from 'vitest';
import { startTestFauxqs } from '../../../test/support/fauxqs.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { BILLING, TOPOLOGY } from '../../../test/support/topology.ts';
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

async function given() {
  const emulator = await startTestFauxqs();
  const transport = createSqsTransport(TOPOLOGY, emulator.options);
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
