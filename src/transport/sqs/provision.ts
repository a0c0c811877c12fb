import { CreateQueueCommand, GetQueueUrlCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import { asTransportError, TransportError } from '../errors.ts';
import type { Connection } from './connection.ts';
import { queueAttributes } from './depth.ts';
import type { Directory, Place } from './directory.ts';
import { errorName, missingQueues } from './errors.ts';
import { LIMITS } from './limits.ts';

/** The longest that SQS keeps a message: a dead letter must outlive holidays, its age counts from its first day. */
const FOURTEEN_DAYS = '1209600';

/** High throughput: limits and deduplication are by key, not by queue. Every message has a deduplication id. */
const FIFO = {
  ContentBasedDeduplication: 'false',
  DeduplicationScope: 'messageGroup',
  FifoThroughputLimit: 'perMessageGroupId',
};

/** Creates all queues, or brings their attributes up to date. */
export async function provision(connection: Connection, directory: Directory): Promise<void> {
  await Promise.all(directory.all.map((place) => provisionPlace(connection, place)));
}

/** Rejects with one `NotFound` that names every queue that is missing. */
export async function verify(connection: Connection, directory: Directory): Promise<void> {
  const names = directory.all.flatMap(({ queue, deadLetterQueue }) => [queue, deadLetterQueue]);
  const failures = await Promise.all(names.map((name) => lookUp(connection, name)));
  const missing = names.filter((_, index) => failures[index]?.code === 'NotFound');
  const failure = failures.find((error) => error !== undefined && error.code !== 'NotFound');
  if (failure !== undefined) throw failure;
  if (missing.length > 0) throw missingQueues(missing, connection.place, failures.find(Boolean));
}

async function lookUp(connection: Connection, queue: string): Promise<TransportError | undefined> {
  try {
    await connection.call(queue, (options) =>
      connection.client.send(new GetQueueUrlCommand({ QueueName: queue }), options),
    );
    return undefined;
  } catch (error) {
    return asTransportError(error);
  }
}

async function provisionPlace(connection: Connection, place: Place): Promise<void> {
  const { queue, deadLetterQueue, subscription, ordered } = place;
  const fifo = ordered ? FIFO : {};
  await provisionQueue(connection, deadLetterQueue, { MessageRetentionPeriod: FOURTEEN_DAYS, ...fifo });
  const { QueueArn } = await queueAttributes(connection, deadLetterQueue, ['QueueArn']);
  await provisionQueue(connection, queue, {
    VisibilityTimeout: String(Math.ceil(Math.min(subscription.leaseMs, LIMITS.leaseMs) / 1_000)),
    // For those who poll without saying how long.
    ReceiveMessageWaitTimeSeconds: String(LIMITS.waitMs / 1_000),
    RedrivePolicy: JSON.stringify({
      deadLetterTargetArn: QueueArn,
      maxReceiveCount: subscription.maxDeliveries,
    }),
    ...fifo,
  });
}

async function provisionQueue(
  connection: Connection,
  queue: string,
  attributes: Readonly<Record<string, string>>,
): Promise<void> {
  try {
    await connection.call(queue, (options) =>
      connection.client.send(
        new CreateQueueCommand({
          QueueName: queue,
          Attributes: {
            ...attributes,
            SqsManagedSseEnabled: 'true',
            ...(queue.endsWith('.fifo') && { FifoQueue: 'true' }),
          },
        }),
        options,
      ),
    );
  } catch (error) {
    if (!isDifferent(error)) throw error;
    // How an existing queue is encrypted is left as it is: its owner may have chosen a key.
    await connection.request(queue, (QueueUrl, options) =>
      connection.client.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: attributes }), options),
    );
  }
}

/** Whether the queue exists with other attributes, by either of the names SQS has for it. */
function isDifferent(error: unknown): boolean {
  if (!(error instanceof TransportError)) return false;
  return ['QueueNameExists', 'QueueAlreadyExists'].includes(errorName(error.cause));
}
