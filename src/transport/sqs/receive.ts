import type { Message } from '@aws-sdk/client-sqs';
import type { Incoming, ReceiveOptions } from '../transport.ts';
import type { Connection } from './connection.ts';
import { fromFields } from './from-fields.ts';
import { LIMITS } from './limits.ts';
import { RECEIVE } from './operations.ts';
import { SqsReceipt } from './receipt.ts';
import { incoming } from './record.ts';
import { watchForStandstill } from './stood.ts';

/**
 * Takes messages from a queue. A long poll that is aborted may take a message with it: it comes back when its
 * lease ends. Whoever can should let the last poll end.
 */
export async function receive(
  connection: Connection,
  queue: string,
  { max, waitMs, leaseMs, signal }: ReceiveOptions,
): Promise<Incoming[]> {
  const VisibilityTimeout = Math.min(Math.ceil(leaseMs / 1_000), LIMITS.leaseMs / 1_000);
  const WaitTimeSeconds = Math.ceil(waitMs / 1_000);
  const receivedAt = performance.now();
  // The answer may lie there while this process is suspended, and the leases in it run.
  const watch = watchForStandstill();
  try {
    const answer = await connection.poll(
      queue,
      (QueueUrl, options) =>
        connection.ask(
          RECEIVE,
          {
            QueueUrl,
            MaxNumberOfMessages: Math.min(max, LIMITS.receiveEntries),
            VisibilityTimeout,
            WaitTimeSeconds,
            MessageAttributeNames: ['All'],
            MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp', 'MessageGroupId'],
          },
          options,
        ),
      { waitMs: WaitTimeSeconds * 1_000, signal },
    );
    const leaseUntil = watch.arrivedAfter() + VisibilityTimeout * 1_000;
    return answer?.Messages?.map((message) => incomingFromMessage(message, receivedAt, leaseUntil)) ?? [];
  } finally {
    watch.end();
  }
}

function incomingFromMessage(message: Message, receivedAt: number, leaseUntil: number): Incoming {
  const { MessageId = '', Body = '', ReceiptHandle = '', Attributes, MessageAttributes } = message;
  const texts: Record<string, string> = {};
  for (const [name, { StringValue }] of Object.entries(MessageAttributes ?? {})) {
    if (StringValue !== undefined) texts[name] = StringValue;
  }
  const { MessageGroupId, SentTimestamp, ApproximateReceiveCount } = Attributes ?? {};
  const carried = fromFields(Body, texts, MessageId, MessageGroupId, SentTimestamp);
  const receipt = new SqsReceipt(ReceiptHandle, carried, receivedAt, leaseUntil);
  return incoming(receipt, ApproximateReceiveCount);
}
