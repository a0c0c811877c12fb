import type { App } from 'aws-cdk-lib';

/** What an installation is told with `-c name=value`, beside the config. All values are texts. */
export interface Context {
  /** `dev`, whose queues and Redis go with their stack, or `prod`, where they are kept. Default `dev`. */
  readonly stage?: 'dev' | 'prod';
  /** What carries the messages. Default `sqs`. */
  readonly transport?: 'sqs' | 'redis';
  /** With `redis`: the URL of a Redis that is there already. Default: none, so that one is made. */
  readonly redisUrl?: string;
  /** Where deployments are posted; together with `deploySecret`. Default: none, and a deployment is a line of the function's log. */
  readonly deployUrl?: string;
  /** The ARN of the secret in Secrets Manager that deployments are signed with, which the function asks for. Default: none. */
  readonly deploySecret?: string;
  /** The MLflow server that `models:/NAME/VERSION` and evaluate-model ask: a URL, or the ARN of a tracking server or app of SageMaker. Default: none. */
  readonly mlflowTrackingUri?: string;
  /** The ARN of the secret in Secrets Manager that holds the bearer token for that URL. Default: none. */
  readonly mlflowTokenSecret?: string;
  /** `true`: verdicts are written into the tags of model versions, and the sweep leaves out versions that have one. Default: `false`. */
  readonly mlflowWriteBack?: 'true' | 'false';
  /** How much better than its baseline a model has to be: `0.01`, or `1%`. Default: better at all. */
  readonly minImprovement?: string;
  /** The ARN of the secret that MLflow signs its deliveries with. Default: none, and there is no URL for them. */
  readonly webhookSecret?: string;
  /** The ARN of the secret that messages are signed with: with it every function signs what it publishes, and handles only what is signed. Default: none. */
  readonly signingSecret?: string;
}

/** Reads one value as it was given, not checked yet. */
export type ReadContext = (name: keyof Context) => unknown;

export function contextOf(app: App): ReadContext {
  return (name) => app.node.tryGetContext(name);
}
