import { Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import {
  type FunctionUrl,
  FunctionUrlAuthType,
  type Function as LambdaFunction,
} from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { NodeFunction, type NodeFunctionProps } from './node-function.ts';

export interface RegistryWebhookProps extends NodeFunctionProps {
  /**
   * The ARN of the secret in Secrets Manager that MLflow signs its deliveries with.
   *
   * @default none: there is no URL, for nothing would guard it
   */
  readonly secretArn?: string;
}

/**
 * The function that model registries tell of their models. MLflow cannot sign for IAM, so its URL is open, and
 * guarded by the function itself: HMAC, timestamps, a limit of size. SageMaker's approvals come by a rule.
 */
export class RegistryWebhook extends Construct {
  readonly lambda: LambdaFunction;
  /** Undefined without a secret. */
  readonly url: FunctionUrl | undefined;

  constructor(scope: Construct, id: string, { secretArn, ...props }: RegistryWebhookProps) {
    super(scope, id);
    const { lambda } = new NodeFunction(this, 'Webhook', {
      ...props,
      environment: { ...props.environment, ...(secretArn && { MLFLOW_WEBHOOK_SECRET_ARN: secretArn }) },
      statements: [...props.statements, ...(secretArn ? [mayReadSecret(secretArn)] : [])],
    });
    this.lambda = lambda;
    this.url = secretArn ? lambda.addFunctionUrl({ authType: FunctionUrlAuthType.NONE }) : undefined;
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
