import { RemovalPolicy, Validations } from 'aws-cdk-lib';
import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  type FunctionUrl,
  FunctionUrlAuthType,
  type Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda';
import { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { guarded } from './message-queue.ts';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export interface RegistryWebhookProps extends NodeFunctionProps {
  /**
   * The ARN of the secret in Secrets Manager that MLflow signs its deliveries with.
   *
   * @default none: there is no URL, for nothing would guard it
   */
  readonly secretArn?: string;
  /**
   * The key that queues are encrypted with.
   *
   * @default SQS keeps the keys
   */
  readonly encryptionKey?: IKey;
}

/**
 * The function that model registries tell of their models. MLflow cannot sign for IAM, so its URL is open, and
 * guarded by the function itself: HMAC, timestamps, a limit of size. SageMaker's approvals come by a rule.
 */
export class RegistryWebhook extends Construct {
  readonly lambda: LambdaFunction;
  /** Undefined without a secret. */
  readonly url: FunctionUrl | undefined;
  /** Approvals that the function could not publish, each in Lambda's own record of the invocation. */
  readonly failed: Queue;

  constructor(scope: Construct, id: string, { secretArn, encryptionKey, ...props }: RegistryWebhookProps) {
    super(scope, id);
    const failed = new Queue(this, 'Failed', {
      ...guarded(encryptionKey),
      removalPolicy: props.removalPolicy ?? RemovalPolicy.DESTROY,
    });
    Validations.of(failed).acknowledge({
      id: 'AwsSolutions::AwsSolutions-SQS3',
      reason: 'It holds what was given up: nothing consumes it, so nothing can be given up once more.',
    });
    this.failed = failed;
    const { lambda } = new NodeFunction(this, 'Webhook', {
      ...props,
      environment: { ...props.environment, ...(secretArn && { MLFLOW_WEBHOOK_SECRET_ARN: secretArn }) },
      statements: [
        ...props.statements,
        ...(secretArn ? [mayReadSecret(secretArn)] : []),
        new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [failed.queueArn] }),
      ],
    });
    this.lambda = lambda;
    this.url = secretArn ? lambda.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }) : undefined;
    // EventBridge does not wait for an answer: what fails to the last try, Lambda would drop. Not the library's
    // SqsDestination, which would give rights besides.
    lambda.configureAsyncInvoke({ onFailure: { bind: () => ({ destination: failed.queueArn }) } });
    new Rule(this, 'Approved', {
      description: 'Brings the model packages that were approved in SageMaker',
      eventPattern: {
        source: ['aws.sagemaker'],
        detailType: ['SageMaker Model Package State Change'],
        detail: { ModelApprovalStatus: ['Approved'] },
      },
      targets: [new LambdaTarget(lambda)],
    });
  }
}

/** What it takes to read one secret: its current version, and the one before it. */
export function mayReadSecret(arn: string): PolicyStatement {
  return new PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [arn] });
}
