import { Duration } from 'aws-cdk-lib';
import { Rule, RuleTargetInput, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { Subscription } from '../../src/config/define-config.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export interface RedisConsumerProps
  extends Omit<NodeFunctionProps, 'timeout' | 'memoryMiB' | 'reservedConcurrency'> {
  /** What is drained; `lambda.partitions` says by how many at once. */
  readonly subscription: Pick<Subscription, 'handlerTimeoutMs' | 'lambda'>;
  /**
   * How often each partition's drain begins; in whole minutes.
   *
   * @default 1 minute
   */
  readonly every?: Duration;
  /**
   * Of the function.
   *
   * @default 256
   */
  readonly memoryMiB?: number;
}

/** How long a drain has at least: what begins last shall be able to end, so that the longer it is the less is idle. */
const SHORTEST = Duration.minutes(5);
/** A Lambda function runs for 15 minutes at most. */
const LONGEST = Duration.minutes(15);

/**
 * The function that drains a subscription on Redis, which Lambda has no event source for. A rule for each partition
 * invokes it; no more are at work at once than there are partitions, and what is refused is not tried again: the next
 * round comes anyway.
 */
export class RedisConsumer extends Construct {
  readonly lambda: LambdaFunction;
  /** Of the function. */
  readonly timeout: Duration;

  constructor(scope: Construct, id: string, props: RedisConsumerProps) {
    super(scope, id);
    const { subscription, every = Duration.minutes(1), memoryMiB = 256, ...rest } = props;
    const { partitions } = subscription.lambda;
    const wanted = Math.max(SHORTEST.toSeconds(), Math.ceil((2 * subscription.handlerTimeoutMs) / 1_000));
    this.timeout = Duration.seconds(Math.min(LONGEST.toSeconds(), wanted));
    const { lambda } = new NodeFunction(this, 'Drain', {
      ...rest,
      memoryMiB,
      timeout: this.timeout,
      reservedConcurrency: partitions,
    });
    this.lambda = lambda;
    lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    for (let partition = 0; partition < partitions; partition++) {
      new Rule(this, `Schedule${partition}`, {
        description: `Invokes the drain of partition ${partition}`,
        schedule: Schedule.rate(every),
        targets: [
          new LambdaTarget(lambda, {
            event: RuleTargetInput.fromObject({ partition }),
            retryAttempts: 0,
            maxEventAge: Duration.minutes(1),
          }),
        ],
      });
    }
  }
}
