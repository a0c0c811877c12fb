import { fileURLToPath } from 'node:url';
import type { SQSRecord } from 'aws-lambda';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { BILLING } from '../../../test/support/topology.ts';
import { incomingFromRecord } from './record.ts';

const RECORD: SQSRecord = {
  messageId: 'm-1',
  receiptHandle: 'handle',
  body: '{"said":"something"}',
  attributes: {
    ApproximateReceiveCount: '3',
    SentTimestamp: '1700000000000',
    SenderId: 'AIDA',
    ApproximateFirstReceiveTimestamp: '1700000001000',
    MessageGroupId: 'group',
  },
  messageAttributes: {
    'hikyaku-id': { dataType: 'String', stringValue: 'id-1' },
    'hikyaku-key': { dataType: 'String', stringValue: 'key ü' },
    hikyaku: { dataType: 'String', stringValue: '{"traceparent":"00-1"}' },
    count: { dataType: 'Number', stringValue: '7' },
    picture: { dataType: 'Binary', binaryValue: 'AAAA' },
  },
  md5OfBody: 'x',
  eventSource: 'aws:sqs',
  eventSourceARN: 'arn:aws:sqs:eu-west-1:000000000000:p-orders-billing',
  awsRegion: 'eu-west-1',
};

test('a record is the delivery that the driver would have received', () => {
  const leaseUntil = performance.now() + 60_000;
  expect(incomingFromRecord(RECORD, leaseUntil)).toMatchObject({
    id: 'id-1',
    body: '{"said":"something"}',
    headers: { traceparent: '00-1', count: '7' },
    key: 'key ü',
    deliveries: 3,
    enqueuedAt: 1_700_000_000_000,
    leaseUntil,
    receipt: { handle: 'handle', leaseUntil },
  });
});

test('a record of another program has the id that SQS gave it', () => {
  const { MessageGroupId: _, ...attributes } = RECORD.attributes;
  const delivery = incomingFromRecord({ ...RECORD, attributes, messageAttributes: {} }, 0);
  expect(delivery).toMatchObject({ id: 'm-1', headers: {} });
  expect(delivery).not.toHaveProperty('key');
});

test('the driver settles records as it settles what it received', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  const { receipt } = incomingFromRecord(RECORD, performance.now() + 60_000);
  const settlement = { receipt, action: 'deadLetter', headers: { why: 'x' } } as const;
  expect(await transport.settle(BILLING, [settlement])).toEqual(['settled']);
  const sent = server.requests.find(({ action }) => action === 'SendMessageBatch');
  expect(sent?.entries).toMatchObject([{ MessageBody: RECORD.body }]);
  const deleted = server.requests.find(({ action }) => action === 'DeleteMessageBatch');
  expect(deleted?.entries).toEqual([{ Id: '0', ReceiptHandle: 'handle' }]);
  expect(await transport.settle(BILLING, [settlement])).toEqual(['unverified']);
});

test('reading records takes no SDK', async () => {
  const { metafile } = await build({
    entryPoints: [fileURLToPath(new URL('record.ts', import.meta.url))],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
  });
  expect(Object.keys(metafile.inputs).filter((path) => path.includes('node_modules'))).toEqual([]);
});
