import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { SQSEvent, SQSRecord } from 'aws-lambda';
import * as z from 'zod/mini';
import { backoffDelay, pause } from '../time/backoff.ts';

/** A Lambda function as its event source calls it. What it answers is checked as AWS does. */
export type SqsFunction = (
  event: SQSEvent,
  context: { getRemainingTimeInMillis(): number },
) => Promise<unknown>;

/** Nothing, or no list, says that the whole batch succeeded. */
const BatchResponse = z.nullish(
  z.object({ batchItemFailures: z.nullish(z.array(z.object({ itemIdentifier: z.string() }))) }),
);

/** Durations in ms. */
export interface EventSourceMappingOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly queueName: string;
  readonly invoke: SqsFunction;
  readonly batchSize: number;
  readonly maxConcurrency: number;
  readonly functionTimeoutMs: number;
  /** Told when the queue cannot be reached, or the function failed as a whole. */
  readonly onError: (error: unknown) => void;
}

export interface EventSourceMapping {
  /** Ends polling, lets invocations finish, and gives back what came too late. */
  close(): Promise<void>;
}

/** Short, so that closing never waits long. */
const WAIT_SECONDS = 1;
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/**
 * Does for a local function what Lambda's SQS event source does on AWS: polls, invokes with a batch, deletes
 * what was not reported as failed, and leaves the rest to its visibility timeout and the queue's redrive.
 */
export function startEventSourceMapping(options: EventSourceMappingOptions): EventSourceMapping {
  const { endpoint, region, queueName } = options;
  const client = new SQSClient({
    endpoint,
    region,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  const stopping = new AbortController();

  async function receive(queueUrl: string): Promise<Message[]> {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(10, options.batchSize),
        WaitTimeSeconds: WAIT_SECONDS,
        MessageSystemAttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      }),
    );
    return Messages;
  }

  async function invoke(queueUrl: string, messages: readonly Message[]): Promise<void> {
    const endsAt = performance.now() + options.functionTimeoutMs;
    const event: SQSEvent = { Records: messages.map((message) => toRecord(message, queueName, region)) };
    const answer = await options.invoke(event, {
      getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()),
    });
    const response = BatchResponse.safeParse(answer);
    if (!response.success) {
      throw new Error(
        `the function answered ${JSON.stringify(answer)}: expected nothing, or {"batchItemFailures":[{"itemIdentifier":"…"}]}`,
      );
    }
    const failures = response.data?.batchItemFailures ?? [];
    const failed = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
    const known = new Set(messages.map(({ MessageId }) => MessageId));
    for (const id of failed) {
      // As on AWS, an answer that names a message that was not in the batch fails the whole batch.
      if (!known.has(id))
        throw new Error(`the function reported ${JSON.stringify(id)}, which was not in its batch`);
    }
    const done = messages.filter(({ MessageId }) => MessageId !== undefined && !failed.has(MessageId));
    if (done.length === 0) return;
    await client.send(new DeleteMessageBatchCommand({ QueueUrl: queueUrl, Entries: done.map(toEntry) }));
  }

  async function poll(): Promise<void> {
    let queueUrl: string | undefined;
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        queueUrl ??= (await client.send(new GetQueueUrlCommand({ QueueName: queueName }))).QueueUrl ?? '';
        const messages = await receive(queueUrl);
        failures = 0;
        if (messages.length === 0) continue;
        if (stopping.signal.aborted) {
          const Entries = messages.map((message, index) => ({
            ...toEntry(message, index),
            VisibilityTimeout: 0,
          }));
          await client.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queueUrl, Entries }));
          return;
        }
        await invoke(queueUrl, messages);
      } catch (error) {
        failures++;
        options.onError(error);
        await pause(backoffDelay(BACKOFF, failures), stopping.signal);
      }
    }
  }

  const polls = Array.from({ length: options.maxConcurrency }, poll);
  return {
    async close() {
      stopping.abort();
      await Promise.all(polls);
      client.destroy();
    },
  };
}

function toEntry({ ReceiptHandle }: Message, index: number): { Id: string; ReceiptHandle: string } {
  return { Id: String(index), ReceiptHandle: ReceiptHandle ?? '' };
}

function toRecord(message: Message, queueName: string, region: string): SQSRecord {
  const attributes = message.Attributes ?? {};
  return {
    messageId: message.MessageId ?? '',
    receiptHandle: message.ReceiptHandle ?? '',
    body: message.Body ?? '',
    attributes: {
      ...attributes,
      ApproximateReceiveCount: attributes.ApproximateReceiveCount ?? '1',
      SentTimestamp: attributes.SentTimestamp ?? '0',
      SenderId: attributes.SenderId ?? '',
      ApproximateFirstReceiveTimestamp: attributes.ApproximateFirstReceiveTimestamp ?? '0',
    },
    messageAttributes: Object.fromEntries(
      Object.entries(message.MessageAttributes ?? {}).map(([name, { StringValue, DataType }]) => [
        name,
        { stringValue: StringValue ?? '', dataType: DataType ?? 'String' },
      ]),
    ),
    md5OfBody: message.MD5OfBody ?? '',
    eventSource: 'aws:sqs',
    eventSourceARN: `arn:aws:sqs:${region}:000000000000:${queueName}`,
    awsRegion: region,
  };
}
