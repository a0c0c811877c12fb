import { handle, sqsConsumerDriver } from './sqs-consumer.ts';

/** A handler for each message, as ours has one: it deletes one by one. */
export const driver = sqsConsumerDriver((onMessage) => ({
  async handleMessage(message) {
    handle(onMessage, message.Body);
    return message;
  },
}));
