import { Arn, ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  DeduplicationScope,
  FifoThroughputLimit,
  Queue,
  QueueEncryption,
  type QueueProps,
  RedrivePermission,
} from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Subscription } from '../../src/config/define-config.ts';
import type { QueueNames } from '../../src/transport/names.ts';

export interface MessageQueueProps {
  /** Physical names: the drivers find queues by them. */
  readonly names: QueueNames;
  /**
   * Whether messages of one key have to stay in order: FIFO queues, by key as fast as SQS can.
   *
   * @default false
   */
  readonly ordered?: boolean;
  /** Whose lease and limit of deliveries the queue has. */
  readonly subscription: Pick<Subscription, 'leaseMs' | 'maxDeliveries'>;
  /**
   * What becomes of the queues, and what is in them, when they leave the stack.
   *
   * @default RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * The key that messages are encrypted with.
   *
   * @default SQS keeps the keys
   */
  readonly encryptionKey?: IKey;
}

/**
 * High throughput: what is limited and deduplicated is each key, not the queue. Every message names its own
 * deduplication id: two that say the same are still two.
 */
const FIFO = {
  fifo: true,
  contentBasedDeduplication: false,
  deduplicationScope: DeduplicationScope.MESSAGE_GROUP,
  fifoThroughputLimit: FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
};

/** How long SQS uses one data key, before it pays KMS for another. */
const KEY_REUSE = Duration.hours(1);
/** SQS keeps no message longer. */
const LONGEST_RETENTION = Duration.days(14);

/** The queue of a subscription and its dead-letter queue, encrypted and closed to plain HTTP. */
export class MessageQueue extends Construct {
  readonly messages: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: MessageQueueProps) {
    super(scope, id);
    const { names, ordered = false, subscription, encryptionKey } = props;
    const common = {
      ...guarded(encryptionKey),
      removalPolicy: props.removalPolicy ?? RemovalPolicy.RETAIN,
      ...(ordered && FIFO),
    };
    const deadLetterQueue = new Queue(this, 'DeadLetters', {
      ...common,
      queueName: names.deadLetterQueue,
      redriveAllowPolicy: {
        redrivePermission: RedrivePermission.BY_QUEUE,
        // By its name: each of the two queues names the other, and CloudFormation makes one first.
        sourceQueues: [queueByName(this, 'Source', names.queue)],
      },
    });
    this.deadLetters = deadLetterQueue;
    this.messages = new Queue(this, 'Messages', {
      ...common,
      queueName: names.queue,
      visibilityTimeout: Duration.seconds(Math.ceil(subscription.leaseMs / 1_000)),
      deadLetterQueue: { queue: deadLetterQueue, maxReceiveCount: subscription.maxDeliveries },
    });
  }
}

/** What all queues have in common: encrypted, closed to plain HTTP, and kept for as long as SQS does. */
export function guarded(encryptionKey: IKey | undefined): QueueProps {
  return {
    ...(encryptionKey
      ? { encryption: QueueEncryption.KMS, encryptionMasterKey: encryptionKey, dataKeyReuse: KEY_REUSE }
      : { encryption: QueueEncryption.SQS_MANAGED }),
    enforceSSL: true,
    // A dead letter keeps its age: with less, one that waited long would not be kept at all.
    retentionPeriod: LONGEST_RETENTION,
  };
}

/** The ARN of a queue of this account and region. */
export function queueArn(scope: Construct, name: string): string {
  return Arn.format(
    { service: 'sqs', resource: name, arnFormat: ArnFormat.NO_RESOURCE_NAME },
    Stack.of(scope),
  );
}

/** A queue of this account and region that another stack makes, found as the drivers find it. */
export function queueByName(
  scope: Construct,
  id: string,
  name: string,
): ReturnType<typeof Queue.fromQueueArn> {
  return Queue.fromQueueArn(scope, id, queueArn(scope, name));
}
