import { handle, sqsConsumerDriver } from './sqs-consumer.ts';

/** A handler for a batch: it deletes in batches, and fails as a whole. */
export const driver = sqsConsumerDriver((onMessage) => ({
  async handleMessageBatch(messages) {
    for (const { Body } of messages) handle(onMessage, Body);
    return messages;
  },
}));
