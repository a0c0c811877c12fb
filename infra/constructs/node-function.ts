import { type Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyDocument, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';

export interface NodeFunctionProps {
  readonly description: string;
  /** The folder with `index.mjs`, which exports `handler`. */
  readonly codeFolder: string;
  readonly timeout: Duration;
  /** The processor's share grows with it. */
  readonly memoryMiB: number;
  /** What the function finds in its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** All that the function may do, besides writing to its log, telling its traces and standing in its network. */
  readonly statements: readonly PolicyStatement[];
  /**
   * Where in a VPC it stands.
   *
   * @default none: it reaches what the internet reaches
   */
  readonly network?: FunctionNetwork;
  /**
   * How many invocations there may be at once.
   *
   * @default as many as the account allows
   */
  readonly reservedConcurrency?: number;
  /**
   * Of the log.
   *
   * @default DESTROY
   */
  readonly removalPolicy?: RemovalPolicy;
}

/** Where in a VPC a function stands. */
export interface FunctionNetwork {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  readonly securityGroup: ISecurityGroup;
}

/** A Lambda function on Node 24 with a log and a role of its own, which may do what is listed and nothing else. */
export class NodeFunction extends Construct {
  readonly lambda: LambdaFunction;

  constructor(scope: Construct, id: string, props: NodeFunctionProps) {
    super(scope, id);
    const { network, reservedConcurrency } = props;
    const logGroup = new LogGroup(this, 'Log', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: props.removalPolicy ?? RemovalPolicy.DESTROY,
    });
    const document = (...statements: PolicyStatement[]) => new PolicyDocument({ statements });
    const log = new PolicyStatement({
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    });
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      inlinePolicies: {
        log: document(log),
        trace: document(new PolicyStatement({ actions: [...TRACE], resources: ['*'] })),
        ...(network && {
          network: document(new PolicyStatement({ actions: [...NETWORK], resources: ['*'] })),
        }),
        ...(props.statements.length > 0 && { work: document(...props.statements) }),
      },
    });
    Validations.of(role).acknowledge({
      id: 'AwsSolutions::AwsSolutions-IAM5[Resource::*]',
      reason: 'X-Ray takes no resources, and Lambda asks for all of them to stand in a VPC.',
    });
    this.lambda = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      code: Code.fromAsset(props.codeFolder),
      handler: 'index.handler',
      timeout: props.timeout,
      memorySize: props.memoryMiB,
      environment: { ...props.environment },
      // What the library would add by itself is listed above.
      role: role.withoutPolicyUpdates(),
      logGroup,
      loggingFormat: LoggingFormat.JSON,
      tracing: Tracing.ACTIVE,
      ...(reservedConcurrency !== undefined && { reservedConcurrentExecutions: reservedConcurrency }),
      ...(network && {
        vpc: network.vpc,
        vpcSubnets: network.subnets,
        securityGroups: [network.securityGroup],
      }),
    });
  }
}

/** What a function that is traced may do; these actions know no resources. */
const TRACE = ['xray:PutTraceSegments', 'xray:PutTelemetryRecords'] as const;

/** What Lambda does in a function's name to stand in a VPC; it asks for all resources. */
const NETWORK = [
  'ec2:AssignPrivateIpAddresses',
  'ec2:CreateNetworkInterface',
  'ec2:DeleteNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:UnassignPrivateIpAddresses',
] as const;

/** The actions that AWS takes for all resources only. */
export const FOR_ALL_RESOURCES: readonly string[] = [...TRACE, ...NETWORK];
