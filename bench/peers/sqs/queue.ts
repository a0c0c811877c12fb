import { setTimeout as sleep } from 'node:timers/promises';
import { CreateQueueCommand, GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { clientOptions } from '../../sqs/client-options.ts';

export const QUEUE = 'peer';

export async function openQueue(url: string): Promise<{ client: SQSClient; queueUrl: string }> {
  const client = new SQSClient(clientOptions(url));
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: QUEUE }));
  return { client, queueUrl: QueueUrl };
}

export async function left(url: string): Promise<number> {
  const { client, queueUrl } = await openQueue(url);
  const { Attributes = {} } = await client.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  client.destroy();
  return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
}

/** Waits, a few seconds at most, for deletions under way that a library's own closing does not wait for. */
export async function untilEmpty(url: string): Promise<void> {
  const deadline = performance.now() + 5_000;
  while ((await left(url)) > 0 && performance.now() < deadline) await sleep(50);
}
