import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Topic } from '../src/config/define-config.ts';
import { parseTrackingUri } from '../src/model-ready/registry/tracking-uri.ts';
import { type QueueNames, queueNames } from '../src/transport/names.ts';
import { queueArn } from './constructs/message-queue.ts';

/** What it takes to publish on a topic: a copy goes into the queue of each subscription. */
export function mayPublish(
  scope: Construct,
  prefix: string,
  topic: Pick<Topic, 'name' | 'ordered' | 'subscriptions'>,
): PolicyStatement {
  return new PolicyStatement({
    actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
    resources: topic.subscriptions.map(({ name }) =>
      queueArn(scope, queueNames(prefix, { topic: topic.name, subscription: name }, topic.ordered).queue),
    ),
  });
}

/**
 * The rights to consume a subscription, and to send to its dead-letter queue. A standard queue also stores a postponed
 * message anew; a FIFO queue only hides it.
 */
export function mayConsume(scope: Construct, { queue, deadLetterQueue }: QueueNames): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
        ...(queue.endsWith('.fifo') ? [] : ['sqs:SendMessage']),
      ],
      resources: [queueArn(scope, queue)],
    }),
    new PolicyStatement({
      actions: ['sqs:SendMessage', 'sqs:GetQueueUrl'],
      resources: [queueArn(scope, deadLetterQueue)],
    }),
  ];
}

/** What it takes to look after a subscription: its depth, and showing, replaying and purging its dead letters. */
export function mayOperate(scope: Construct, { queue, deadLetterQueue }: QueueNames): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
      resources: [queueArn(scope, queue)],
    }),
    new PolicyStatement({
      actions: [
        'sqs:ReceiveMessage',
        'sqs:DeleteMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
      ],
      resources: [queueArn(scope, deadLetterQueue)],
    }),
  ];
}

/** What it takes to send to, and receive from, queues that are encrypted with a key; nothing without one. */
export function mayUseKey(key: IKey | undefined): PolicyStatement[] {
  if (key === undefined) return [];
  return [new PolicyStatement({ actions: ['kms:GenerateDataKey', 'kms:Decrypt'], resources: [key.keyArn] })];
}

/**
 * What it takes to keep in a bucket what was deployed last. Without the right to list it, S3 answers for an object that
 * is not there that it is denied.
 */
export function mayClaim(bucketArn: string, folder: string): PolicyStatement[] {
  return [
    new PolicyStatement({
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: [`${bucketArn}/${folder}/*`],
    }),
    new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucketArn] }),
  ];
}

/** The calls of MLflow that judging a model takes, as IAM names them. */
const MLFLOW_READS = [
  'GetRun',
  'GetMetricHistory',
  'GetLoggedModel',
  'GetModelVersion',
  'GetModelVersionByAlias',
  'GetRegisteredModel',
];
/** What looking for versions takes besides. */
const MLFLOW_SEARCHES = ['SearchModelVersions', 'SearchRegisteredModels'];
/** What writing a verdict takes besides. */
const MLFLOW_WRITES = ['SetModelVersionTag'];

/** What it takes to ask MLflow on SageMaker; nothing for other tracking URIs. */
export function mayAskMlflow(
  trackingUri: string | undefined,
  { searches = false, writes = false }: { readonly searches?: boolean; readonly writes?: boolean },
): PolicyStatement[] {
  const server = trackingUri === undefined ? undefined : parseTrackingUri(trackingUri);
  if (server?.kind !== 'sagemaker') return [];
  const calls = [...MLFLOW_READS, ...(searches ? MLFLOW_SEARCHES : []), ...(writes ? MLFLOW_WRITES : [])];
  const actions = calls.map((call) => `sagemaker-mlflow:${call}`);
  // An app asks for one right more, to be called at all.
  const app = server.resource === 'mlflow-app' ? ['sagemaker:CallMlflowAppApi'] : [];
  return [new PolicyStatement({ actions: [...app, ...actions], resources: [server.arn] })];
}
