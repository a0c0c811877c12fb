import { GetQueueAttributesCommand, type QueueAttributeName } from '@aws-sdk/client-sqs';
import type { Depth } from '../transport.ts';
import type { Connection } from './connection.ts';
import type { Place } from './directory.ts';

const COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
] as const;

/** Approximate, as SQS itself says. A message that is to be retried after a delay counts as in flight. */
export async function depth(connection: Connection, { queue, deadLetterQueue }: Place): Promise<Depth> {
  const [own, dead] = await Promise.all([
    queueAttributes(connection, queue, COUNTS),
    queueAttributes(connection, deadLetterQueue, COUNTS),
  ]);
  return {
    ready: Number(own.ApproximateNumberOfMessages ?? 0),
    inFlight: Number(own.ApproximateNumberOfMessagesNotVisible ?? 0),
    delayed: Number(own.ApproximateNumberOfMessagesDelayed ?? 0),
    // Looking at dead letters leases them, so those not visible are there too.
    dead:
      Number(dead.ApproximateNumberOfMessages ?? 0) + Number(dead.ApproximateNumberOfMessagesNotVisible ?? 0),
  };
}

export async function queueAttributes(
  connection: Connection,
  queue: string,
  names: readonly QueueAttributeName[],
): Promise<Partial<Record<QueueAttributeName, string>>> {
  const { Attributes = {} } = await connection.request(queue, (QueueUrl, options) =>
    connection.client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...names] }), options),
  );
  return Attributes;
}
