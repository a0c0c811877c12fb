import {
  ChangeMessageVisibilityBatchCommand,
  type ChangeMessageVisibilityBatchCommandInput,
  type ChangeMessageVisibilityBatchCommandOutput,
  DeleteMessageBatchCommand,
  type DeleteMessageBatchCommandInput,
  type DeleteMessageBatchCommandOutput,
  ReceiveMessageCommand,
  type ReceiveMessageCommandInput,
  type ReceiveMessageCommandOutput,
  SendMessageBatchCommand,
  type SendMessageBatchCommandInput,
  type SendMessageBatchCommandOutput,
  type SQSClient,
} from '@aws-sdk/client-sqs';

/** What goes with each request. */
export interface RequestOptions {
  readonly abortSignal: AbortSignal;
  /** By when an answer has to have begun. In ms. */
  readonly requestTimeout: number;
}

/** One of the operations of SQS that messages go through. */
export interface Operation<Input, Output> {
  /** As SQS calls it. */
  readonly name: string;
  /** Asks for it through the SDK. */
  send(client: SQSClient, input: Input, options: RequestOptions): Promise<Output>;
}

export const SEND: Operation<SendMessageBatchCommandInput, SendMessageBatchCommandOutput> = {
  name: 'SendMessageBatch',
  send: (client, input, options) => client.send(new SendMessageBatchCommand(input), options),
};

export const RECEIVE: Operation<ReceiveMessageCommandInput, ReceiveMessageCommandOutput> = {
  name: 'ReceiveMessage',
  send: (client, input, options) => client.send(new ReceiveMessageCommand(input), options),
};

export const DELETE: Operation<DeleteMessageBatchCommandInput, DeleteMessageBatchCommandOutput> = {
  name: 'DeleteMessageBatch',
  send: (client, input, options) => client.send(new DeleteMessageBatchCommand(input), options),
};

export const HIDE: Operation<
  ChangeMessageVisibilityBatchCommandInput,
  ChangeMessageVisibilityBatchCommandOutput
> = {
  name: 'ChangeMessageVisibilityBatch',
  send: (client, input, options) => client.send(new ChangeMessageVisibilityBatchCommand(input), options),
};
