import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { FunctionUrlAuthType } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { type Config, subscriptionsOf } from '../src/config/define-config.ts';
import { queueNames } from '../src/transport/names.ts';
import { consumerOf, EMIT } from './bundles/functions.ts';
import { NodeFunction } from './constructs/node-function.ts';
import { SqsConsumer } from './constructs/sqs-consumer.ts';
import { transportUrl } from './constructs/transport-url.ts';
import type { Environments } from './environment.ts';
import { mayPublish } from './permissions.ts';
import type { Stage } from './stage.ts';

export interface FunctionsStackProps extends StackProps {
  readonly config: Config;
  readonly stage: Stage;
  /** The folder that holds each function's bundle in a folder of its name. */
  readonly bundles: string;
  readonly environments: Environments;
}

/** What keeps no state: the emit function, and for each subscription the function that consumes it. */
export class FunctionsStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    { config, stage, bundles, environments, ...props }: FunctionsStackProps,
  ) {
    super(scope, id, props);
    const propsOf = (name: string) => ({
      codeFolder: join(bundles, name),
      environment: { ...environments[name], TRANSPORT_URL: transportUrl(this, config.prefix) },
      removalPolicy: stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });

    const emit = new NodeFunction(this, EMIT.name, {
      ...propsOf(EMIT.name),
      description: 'Judges evaluations of models, and announces those that beat their baseline',
      timeout: Duration.seconds(30),
      memoryMiB: 512,
      statements: config.topics
        .filter(({ name }) => name === EMIT.topic)
        .map((topic) => mayPublish(this, config.prefix, topic)),
    });
    const url = emit.lambda.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
    new CfnOutput(this, 'EmitFunction', {
      description: 'Name of the emit function, to invoke it directly',
      value: emit.lambda.functionName,
    });
    new CfnOutput(this, 'EmitUrl', {
      description: 'URL of the emit function, for requests signed with AWS credentials',
      value: url.url,
    });

    for (const found of subscriptionsOf(config)) {
      const { name } = consumerOf(found);
      new SqsConsumer(this, name, {
        ...propsOf(name),
        subscription: found.subscription,
        names: queueNames(config.prefix, found.address, found.topic.ordered),
      });
    }
  }
}
