import { Duration } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { InvalidConfig, type Subscription } from '../../src/config/define-config.ts';
import type { QueueNames } from '../../src/transport/names.ts';
import { mayConsume, mayUseKey } from '../permissions.ts';
import { queueArn } from './message-queue.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export interface SqsConsumerProps
  extends Omit<NodeFunctionProps, 'timeout' | 'memoryMiB' | 'statements' | 'description'> {
  /** What is consumed, and how. */
  readonly subscription: Pick<Subscription, 'name' | 'leaseMs' | 'lambda'>;
  /** Of its queues, as `queueNames` derives them. */
  readonly names: QueueNames;
  /**
   * The key that the queues are encrypted with.
   *
   * @default SQS keeps the keys
   */
  readonly encryptionKey?: IKey;
  /**
   * What its handler may do besides.
   *
   * @default nothing
   */
  readonly statements?: readonly PolicyStatement[];
  /**
   * Of the function.
   *
   * @default 256
   */
  readonly memoryMiB?: number;
}

/** The function that consumes a subscription, fed by SQS, which it tells message by message what failed. */
export class SqsConsumer extends Construct {
  readonly lambda: LambdaFunction;

  /** @throws InvalidConfig naming what the queue and the function cannot have together. */
  constructor(scope: Construct, id: string, props: SqsConsumerProps) {
    super(scope, id);
    const { subscription, names, encryptionKey, statements = [], memoryMiB = 256, ...rest } = props;
    const { batchSize, windowMs, maxConcurrency, timeoutMs, filters } = subscription.lambda;
    checkTimes(subscription, names);
    const { lambda } = new NodeFunction(this, 'Consumer', {
      ...rest,
      memoryMiB,
      description: `Consumes ${names.queue}`,
      timeout: Duration.millis(timeoutMs),
      statements: [...mayConsume(this, names), ...mayUseKey(encryptionKey), ...statements],
    });
    this.lambda = lambda;
    lambda.addEventSourceMapping('Messages', {
      eventSourceArn: queueArn(this, names.queue),
      batchSize,
      maxConcurrency,
      reportBatchItemFailures: true,
      ...(windowMs > 0 && { maxBatchingWindow: Duration.millis(windowMs) }),
      ...(filters.length > 0 && { filters: filters.map((filter) => ({ pattern: JSON.stringify(filter) })) }),
    });
  }
}

function checkTimes({ name, leaseMs, lambda }: SqsConsumerProps['subscription'], names: QueueNames): void {
  const path = `subscriptions.${name}`;
  const { timeoutMs, windowMs } = lambda;
  if (leaseMs < 6 * timeoutMs + windowMs) {
    throw new InvalidConfig(
      `${path}.leaseMs is ${leaseMs}: expected at least ${6 * timeoutMs + windowMs}, six times lambda.timeoutMs and lambda.windowMs, or messages come twice while ${names.queue} is consumed`,
    );
  }
  if (windowMs > 0 && names.queue.endsWith('.fifo')) {
    throw new InvalidConfig(
      `${path}.lambda.windowMs is ${windowMs}: expected 0, for the event source of a FIFO queue takes no window`,
    );
  }
}
