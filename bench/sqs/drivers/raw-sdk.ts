import {
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../lanes.ts';
import { bodyOf, type Data, dataIn, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { BATCH, clientOptions, POLLERS, WAIT_SECONDS } from '../client-options.ts';

/** The best loop on the SDK that we could write by hand: batches of ten, and the next is received while one is deleted. */
const { lanes } = settingsOf(import.meta.url, { lanes: 8 });

async function open(url: string): Promise<{ client: SQSClient; QueueUrl: string }> {
  const client = new SQSClient(clientOptions(url));
  const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName: 'raw' }));
  return { client, QueueUrl };
}

export const driver: Driver = {
  async openProducer(url) {
    const { client, QueueUrl } = await open(url);
    async function sendBatch(messages: readonly Data[]): Promise<void> {
      const Entries = messages.map((data, index) => ({ Id: String(index), MessageBody: bodyOf(data) }));
      const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
      if (Failed.length > 0) throw new Error(`${Failed.length} messages were not sent`);
    }
    return {
      saturate: (from, count) =>
        inBatches({ lanes, size: BATCH }, from, count, (start, size) => sendBatch(range(start, size))),
      send: (messages) =>
        inBatches({ lanes, size: BATCH }, 0, messages.length, (start, size) =>
          sendBatch(messages.slice(start, start + size)),
        ),
      close: () => client.destroy(),
    };
  },
  async openConsumer(url, onMessage) {
    const { client, QueueUrl } = await open(url);
    let closing = false;
    async function run(): Promise<void> {
      let deleting: Promise<unknown> = Promise.resolve();
      while (!closing) {
        const { Messages = [] } = await client.send(
          new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: BATCH, WaitTimeSeconds: WAIT_SECONDS }),
        );
        if (Messages.length === 0) continue;
        for (const { Body = '' } of Messages) onMessage(dataIn(Body));
        await deleting;
        const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
        deleting = client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
      }
      await deleting;
    }
    const running = Promise.all(Array.from({ length: POLLERS }, run));
    return {
      async close() {
        closing = true;
        await running;
        client.destroy();
      },
    };
  },
  async left(url) {
    const { client, QueueUrl } = await open(url);
    const { Attributes = {} } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    client.destroy();
    return Object.values(Attributes).reduce((sum, count) => sum + Number(count), 0);
  },
};
