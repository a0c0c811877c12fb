import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { checkNames, queueNames } from '../src/transport/names.ts';
import { MessageQueue } from './constructs/message-queue.ts';
import { transportUrl } from './constructs/transport-url.ts';
import type { Stage } from './stage.ts';

export interface MessagingStackProps extends StackProps {
  readonly config: Config;
  readonly stage: Stage;
}

/** What keeps state: for each subscription its queue and its dead-letter queue. */
export class MessagingStack extends Stack {
  constructor(scope: Construct, id: string, { config, stage, ...props }: MessagingStackProps) {
    super(scope, id, props);
    checkNames(config);
    for (const { topic, address, subscription } of subscriptionsOf(config)) {
      new MessageQueue(this, `${address.topic}-${address.subscription}`, {
        names: queueNames(config.prefix, address, topic.ordered),
        ordered: topic.ordered,
        subscription,
        removalPolicy: stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
      });
    }
    new CfnOutput(this, 'TransportUrl', {
      description: 'TRANSPORT_URL of programs that publish to these queues or consume them',
      value: transportUrl(this, config.prefix),
    });
  }
}
