import type { SQSClient } from '@aws-sdk/client-sqs';
import { MessageHandlerConfigBuilder } from '@message-queue-toolkit/core';
import {
  AbstractSqsConsumer,
  AbstractSqsPublisher,
  SqsConsumerErrorResolver,
} from '@message-queue-toolkit/sqs';
import * as z from 'zod';
import type { Driver } from '../../driver.ts';
import { inLanes } from '../../lanes.ts';
import { type Data, dataOf, eventOf } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { BATCH, POLLERS, WAIT_SECONDS } from '../../sqs/client-options.ts';
import { left, openQueue, QUEUE, untilEmpty } from './queue.ts';

/** How many publish at once, each awaiting its own message: it sends one by one. */
const { callers } = settingsOf(import.meta.url, { callers: 50 });

const Measured = z.object({
  specversion: z.string(),
  id: z.string(),
  source: z.string(),
  type: z.literal('measured'),
  time: z.string(),
  datacontenttype: z.string(),
  dataschema: z.string(),
  data: z.object({
    n: z.number(),
    at: z.number(),
    model_name: z.string(),
    model_version: z.string(),
    metric_name: z.string(),
    value: z.number(),
  }),
});
type Message = z.infer<typeof Measured>;

const nothing = (): void => undefined;
const logger = {
  level: 'silent',
  msgPrefix: undefined,
  silent: nothing,
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: console.warn,
  error: console.error,
  fatal: console.error,
  isLevelEnabled: () => false,
  child: () => logger,
};
const errorReporter = { report: (error: unknown) => console.error(error) };
const options = {
  messageTypeResolver: { messageTypePath: 'type' },
  messageTimestampField: 'time',
  creationConfig: { queue: { QueueName: QUEUE, Attributes: { VisibilityTimeout: '30' } } },
};

class MeasuredPublisher extends AbstractSqsPublisher<Message> {
  constructor(sqsClient: SQSClient) {
    super({ sqsClient, logger, errorReporter }, { ...options, messageSchemas: [Measured] });
  }
}

class MeasuredConsumer extends AbstractSqsConsumer<Message, undefined> {
  constructor(sqsClient: SQSClient, onMessage: (data: Data) => void) {
    super(
      {
        sqsClient,
        logger,
        errorReporter,
        consumerErrorResolver: new SqsConsumerErrorResolver(),
        transactionObservabilityManager: {
          start: nothing,
          startWithGroup: nothing,
          stop: nothing,
          addCustomAttributes: nothing,
        },
      },
      {
        ...options,
        handlers: new MessageHandlerConfigBuilder<Message, undefined>()
          .addConfig(Measured, async ({ data }) => {
            onMessage(data);
            return { result: 'success' };
          })
          .build(),
        concurrentConsumersAmount: POLLERS,
        consumerOverrides: { batchSize: BATCH, waitTimeSeconds: WAIT_SECONDS, pollingWaitTimeMs: 0 },
      },
      undefined,
    );
  }
}

export const driver: Driver = {
  async openProducer(url) {
    const { client } = await openQueue(url);
    const publisher = new MeasuredPublisher(client);
    await publisher.init();
    return {
      saturate: (from, count) => inLanes(callers, count, (n) => publisher.publish(eventOf(dataOf(from + n)))),
      async send(messages) {
        await Promise.all(messages.map((data) => publisher.publish(eventOf(data))));
      },
      async close() {
        await publisher.close();
        client.destroy();
      },
    };
  },
  async openConsumer(url, onMessage) {
    const { client } = await openQueue(url);
    const consumer = new MeasuredConsumer(client, onMessage);
    await consumer.start();
    return {
      async close() {
        await consumer.close();
        await untilEmpty(url);
        client.destroy();
      },
    };
  },
  left,
};
