import { Duration } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { Subscription } from '../../src/config/define-config.ts';
import type { QueueNames } from '../../src/transport/names.ts';
import { mayConsume } from '../permissions.ts';
import { queueArn } from './message-queue.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export interface SqsConsumerProps
  extends Omit<NodeFunctionProps, 'timeout' | 'memoryMiB' | 'statements' | 'description'> {
  readonly subscription: Subscription;
  readonly names: QueueNames;
}

/** The function that consumes a subscription, fed by SQS, which it tells message by message what failed. */
export class SqsConsumer extends Construct {
  constructor(scope: Construct, id: string, { subscription, names, ...props }: SqsConsumerProps) {
    super(scope, id);
    const { lambda } = new NodeFunction(this, 'Consumer', {
      ...props,
      description: `Consumes ${names.queue}`,
      timeout: Duration.millis(subscription.lambda.timeoutMs),
      memoryMiB: 256,
      statements: mayConsume(this, names),
    });
    const { batchSize, windowMs, maxConcurrency } = subscription.lambda;
    lambda.addEventSourceMapping('Messages', {
      eventSourceArn: queueArn(this, names.queue),
      batchSize,
      maxConcurrency,
      reportBatchItemFailures: true,
      ...(windowMs > 0 && { maxBatchingWindow: Duration.millis(windowMs) }),
    });
  }
}
