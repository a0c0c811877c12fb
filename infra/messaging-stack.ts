import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Key } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { checkNames, queueNames } from '../src/transport/names.ts';
import { MessageQueue } from './constructs/message-queue.ts';
import { transportUrl } from './constructs/transport-url.ts';
import type { Deployment } from './deployment.ts';
import type { Stage } from './stage.ts';

export interface MessagingStackProps extends StackProps {
  readonly config: Config;
  readonly stage: Stage;
  /** Who keeps the keys of the queues. Default `sqs`. */
  readonly encryption?: Deployment['encryption'];
}

/** What keeps state on SQS: for each subscription its queue and its dead-letter queue. */
export class MessagingStack extends Stack {
  /** The key of the queues, where they have one of ours. */
  readonly encryptionKey: Key | undefined;

  constructor(scope: Construct, id: string, { config, stage, encryption, ...props }: MessagingStackProps) {
    super(scope, id, props);
    checkNames(config);
    const removalPolicy = stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
    const encryptionKey =
      encryption === 'kms'
        ? new Key(this, 'Key', {
            description: `Encrypts the messages of ${config.prefix}`,
            enableKeyRotation: true,
            removalPolicy,
          })
        : undefined;
    this.encryptionKey = encryptionKey;
    for (const { topic, address, subscription } of subscriptionsOf(config)) {
      new MessageQueue(this, `${address.topic}-${address.subscription}`, {
        names: queueNames(config.prefix, address, topic.ordered),
        ordered: topic.ordered,
        subscription,
        removalPolicy,
        ...(encryptionKey && { encryptionKey }),
      });
    }
    new CfnOutput(this, 'TransportUrl', {
      description: 'TRANSPORT_URL of programs that publish to these queues or consume them',
      value: transportUrl(this, config.prefix),
    });
  }
}
