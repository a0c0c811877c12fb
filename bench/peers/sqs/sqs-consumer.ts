import { once } from 'node:events';
import { Consumer, type ConsumerOptions } from 'sqs-consumer';
import { Producer } from 'sqs-producer';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../lanes.ts';
import { bodyOf, type Data, dataIn, range } from '../../message.ts';
import { BATCH, POLLERS, WAIT_SECONDS } from '../../sqs/client-options.ts';
import { left, openQueue } from './queue.ts';

const SENDING = { lanes: 8, size: BATCH };

type Handlers = Pick<ConsumerOptions, 'handleMessage' | 'handleMessageBatch'>;

/** sqs-producer in batches of ten, and as many consumers of ten as there are pollers elsewhere. */
export function sqsConsumerDriver(handlers: (onMessage: (data: Data) => void) => Handlers): Driver {
  return {
    async openProducer(url) {
      const { client, queueUrl } = await openQueue(url);
      const producer = Producer.create({ sqs: client, queueUrl });
      const sendBatch = (messages: readonly Data[]): Promise<unknown> =>
        producer.send(messages.map((data) => ({ id: String(data.n), body: bodyOf(data) })));
      return {
        saturate: (from, count) =>
          inBatches(SENDING, from, count, (start, size) => sendBatch(range(start, size))),
        send: (messages) =>
          inBatches(SENDING, 0, messages.length, (start, size) =>
            sendBatch(messages.slice(start, start + size)),
          ),
        close: () => client.destroy(),
      };
    },
    async openConsumer(url, onMessage) {
      const { client, queueUrl } = await openQueue(url);
      const consumers = Array.from({ length: POLLERS }, () => {
        const consumer = Consumer.create({
          sqs: client,
          queueUrl,
          batchSize: BATCH,
          waitTimeSeconds: WAIT_SECONDS,
          pollingWaitTimeMs: 0,
          pollingCompleteWaitTimeMs: 5_000,
          ...handlers(onMessage),
        });
        consumer.on('error', (error) => {
          throw error;
        });
        consumer.on('processing_error', (error) => {
          throw error;
        });
        consumer.start();
        return consumer;
      });
      return {
        async close() {
          await Promise.all(
            consumers.map(async (consumer) => {
              const stopped = once(consumer, 'stopped');
              consumer.stop();
              await stopped;
            }),
          );
          client.destroy();
        },
      };
    },
    left,
  };
}

export function handle(onMessage: (data: Data) => void, body = ''): void {
  onMessage(dataIn(body));
}
