import type { SQSRecord } from 'aws-lambda';
import type { Incoming } from '../transport.ts';
import { fromFields } from './from-fields.ts';
import { SqsReceipt } from './receipt.ts';

/**
 * A record of a Lambda event as the driver would have received it, its receipt included. Loads no SDK: Lambda
 * itself deletes what succeeds, and only a failure needs a transport.
 *
 * @param leaseUntil when the queue's visibility timeout ends, on `performance.now()`.
 */
export function incomingFromRecord(record: SQSRecord, leaseUntil: number): Incoming {
  const texts: Record<string, string> = {};
  for (const [name, { stringValue }] of Object.entries(record.messageAttributes)) {
    if (stringValue !== undefined) texts[name] = stringValue;
  }
  const { attributes } = record;
  const { MessageGroupId, SentTimestamp } = attributes;
  const message = fromFields(record.body, texts, record.messageId, MessageGroupId, SentTimestamp);
  const receipt = new SqsReceipt(record.receiptHandle, message, performance.now(), leaseUntil);
  return incoming(receipt, attributes.ApproximateReceiveCount);
}

/** A delivery, from its receipt and how often SQS says that it was received. */
export function incoming(receipt: SqsReceipt, receiveCount: string | undefined): Incoming {
  const { id, body, headers, key, enqueuedAt } = receipt.message;
  return {
    id,
    body,
    headers,
    ...(key !== undefined && { key }),
    // What is no number would be neither more nor less than any limit.
    deliveries: Number(receiveCount) || 1,
    enqueuedAt,
    leaseUntil: receipt.leaseUntil,
    receipt,
  };
}
