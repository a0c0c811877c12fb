import { join } from 'node:path';
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget } from 'aws-cdk-lib/aws-events-targets';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { FunctionUrlAuthType, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { type Config, type FoundSubscription, subscriptionsOf } from '../src/config/define-config.ts';
import { SIGNING_KEY } from '../src/signing/signing-keys.ts';
import { queueNames } from '../src/transport/names.ts';
import type { Role } from '../src/transport/redis-streams/access.ts';
import {
  consumerName,
  DEPLOY,
  drainOf,
  EMIT,
  EVALUATE_WEBHOOK,
  PUBLISHES,
  SWEEP,
} from './bundles/functions.ts';
import { DeployedModels } from './constructs/deployed-models.ts';
import { NodeFunction, type NodeFunctionProps } from './constructs/node-function.ts';
import { RedisConsumer } from './constructs/redis-consumer.ts';
import { mayReadSecret, RegistryWebhook } from './constructs/registry-webhook.ts';
import { SqsConsumer } from './constructs/sqs-consumer.ts';
import { transportUrl } from './constructs/transport-url.ts';
import type { Environments } from './environment.ts';
import { mayAskMlflow, mayPublish, mayUseKey } from './permissions.ts';
import type { RedisPlace } from './redis-access.ts';
import type { Stage } from './stage.ts';

export interface FunctionsStackProps extends StackProps {
  readonly config: Config;
  readonly stage: Stage;
  /** The folder that holds each function's bundle in a folder of its name. */
  readonly bundles: string;
  readonly environments: Environments;
  /** The key of the queues, where they have one of ours. */
  readonly encryptionKey?: IKey | undefined;
  /** The ARN of the secret that MLflow signs with. */
  readonly webhookSecret?: string | undefined;
  /** The ARN of the secret that messages are signed with. */
  readonly signingSecret?: string | undefined;
  /** The Redis that carries the messages, instead of SQS, and how often it is drained. */
  readonly redis?: { readonly place: RedisPlace; readonly drainEvery: Duration } | undefined;
}

/** A function as alarms see it. */
export interface DeployedFunction {
  readonly name: string;
  readonly lambda: IFunction;
  readonly timeout: Duration;
  /** What it consumes, and whether it has to be invoked all the time. */
  readonly consumes?: FoundSubscription;
  readonly scheduled: boolean;
  /** How often a rule invokes it, if it need not be invoked all the time. */
  readonly every?: Duration;
  /** Where Lambda puts what it was given without anybody waiting for the answer, and failed at. */
  readonly failed?: IQueue;
}

/**
 * What keeps no messages but those that nobody waits for: the functions that publish, and for each subscription the one
 * that consumes it; and what was deployed last.
 */
export class FunctionsStack extends Stack {
  readonly functions: readonly DeployedFunction[];
  readonly #props: FunctionsStackProps;

  constructor(scope: Construct, id: string, props: FunctionsStackProps) {
    const { config, stage: _, bundles: __, environments, ...stackProps } = props;
    super(scope, id, stackProps);
    this.#props = props;
    const judges = config.topics.some(({ name }) => name === EVALUATE_WEBHOOK.topic);
    this.functions = [
      this.#emit(),
      ...(judges ? [this.#webhook()] : []),
      ...(judges && environments[SWEEP.name]?.['MLFLOW_TRACKING_URI'] ? [this.#sweep()] : []),
      ...subscriptionsOf(config).map((found) => (props.redis ? this.#drain(found) : this.#consumer(found))),
    ];
  }

  #emit(): DeployedFunction {
    // Its publisher tries for 30 s: longer than that, or nobody is told what was announced and what was not.
    const timeout = Duration.seconds(60);
    const { lambda } = new NodeFunction(this, EMIT.name, {
      ...this.#publisher(EMIT.name, EMIT.topic),
      description: 'Judges evaluations of models, and announces those that beat their baseline',
      timeout,
    });
    const url = lambda.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
    this.#output('EmitFunction', 'Name of the emit function, to invoke it directly', lambda.functionName);
    this.#output('EmitUrl', 'URL of the emit function, for requests signed with AWS credentials', url.url);
    return { name: EMIT.name, lambda, timeout, scheduled: false };
  }

  #webhook(): DeployedFunction {
    const { name, topic } = EVALUATE_WEBHOOK;
    const timeout = Duration.seconds(15);
    const { webhookSecret, encryptionKey } = this.#props;
    const { lambda, url, failed } = new RegistryWebhook(this, name, {
      ...this.#publisher(name, topic),
      ...(webhookSecret !== undefined && { secretArn: webhookSecret }),
      ...(encryptionKey && { encryptionKey }),
      description: 'Takes what model registries say, and publishes what asks for a model to be judged',
      timeout,
    });
    this.#output('WebhookFunction', 'Name of the function that model registries tell', lambda.functionName);
    this.#output('WebhookFailed', 'URL of the queue of approvals that were not published', failed.queueUrl);
    if (url) this.#output('WebhookUrl', "URL for MLflow's registry webhook", url.url);
    return { name, lambda, timeout, scheduled: false, failed };
  }

  #sweep(): DeployedFunction {
    const { name, topic } = SWEEP;
    const timeout = Duration.minutes(5);
    const every = Duration.hours(1);
    const { lambda } = new NodeFunction(this, name, {
      ...this.#publisher(name, topic),
      description: 'Looks in MLflow for versions that no webhook told of, and has them judged',
      timeout,
    });
    new Rule(this, 'SweepEveryHour', {
      description: 'Looks for versions that no webhook told of',
      schedule: Schedule.rate(every),
      targets: [new LambdaTarget(lambda, { retryAttempts: 0 })],
    });
    return { name, lambda, timeout, scheduled: false, every };
  }

  #consumer(found: FoundSubscription): DeployedFunction {
    const { config, encryptionKey } = this.#props;
    const name = consumerName(found);
    const common = this.#common(name, transportUrl(this, config.prefix));
    const claims = name === DEPLOY ? this.#deployedModels() : undefined;
    const consumer = new SqsConsumer(this, name, {
      ...common,
      environment: { ...common.environment, ...(claims && { DEPLOYED_URL: claims.url }) },
      subscription: found.subscription,
      names: queueNames(config.prefix, found.address, found.topic.ordered),
      statements: [
        ...this.#mayPublish(PUBLISHES[name]),
        ...this.#mayRead(name),
        ...(claims?.mayClaim() ?? []),
      ],
      ...(encryptionKey && { encryptionKey }),
    });
    claims?.acknowledgeRights(consumer);
    const timeout = Duration.millis(found.subscription.lambda.timeoutMs);
    return { name, lambda: consumer.lambda, timeout, consumes: found, scheduled: false };
  }

  /** Where deployments are claimed; on Redis that does it too. */
  #deployedModels(): DeployedModels {
    const { encryptionKey } = this.#props;
    const deployed = new DeployedModels(this, 'DeployedModels', { ...(encryptionKey && { encryptionKey }) });
    this.#output('DeployedUrl', 'DEPLOYED_URL of programs that deploy models by hand', deployed.url);
    return deployed;
  }

  #drain(found: FoundSubscription): DeployedFunction {
    const name = consumerName(found);
    const { redis } = this.#props;
    const access = this.#access(PUBLISHES[name] === undefined ? 'consume' : 'relay');
    const { lambda, timeout } = new RedisConsumer(this, name, {
      ...this.#common(name, access.transportUrl, drainOf(found).name),
      ...access.place,
      statements: [...access.place.statements, ...this.#mayRead(name)],
      subscription: found.subscription,
      description: `Drains ${found.address.topic}/${found.address.subscription}`,
      ...(redis && { every: redis.drainEvery }),
    });
    return { name, lambda, timeout, consumes: found, scheduled: true };
  }

  /** What functions that publish have in common. */
  #publisher(name: string, topic: string): Omit<NodeFunctionProps, 'description' | 'timeout'> {
    const { redis, config, encryptionKey } = this.#props;
    if (redis) {
      const { transportUrl, place } = this.#access('publish');
      const statements = [...place.statements, ...this.#mayRead(name)];
      return { ...this.#common(name, transportUrl), ...place, statements, memoryMiB: 512 };
    }
    const statements = [...this.#mayPublish(topic), ...mayUseKey(encryptionKey), ...this.#mayRead(name)];
    return { ...this.#common(name, transportUrl(this, config.prefix)), statements, memoryMiB: 512 };
  }

  #access(role: Role) {
    const { redis } = this.#props;
    if (redis === undefined) throw new Error('there is no Redis to reach');
    const { transportUrl, statements, network } = redis.place.access(role);
    return { transportUrl, place: { statements, ...(network && { network }) } };
  }

  #mayPublish(topic: string | undefined): PolicyStatement[] {
    const { config } = this.#props;
    const found = config.topics.filter(({ name }) => name === topic);
    return found.map((one) => mayPublish(this, config.prefix, one));
  }

  /** The rights to read the secrets and the MLflow on SageMaker that its environment names. */
  #mayRead(name: string): PolicyStatement[] {
    const environment = this.#props.environments[name] ?? {};
    const secrets = Object.entries(environment).flatMap(([key, arn]) =>
      /_(?:SECRET|TOKEN)_ARN$/.test(key) ? [mayReadSecret(arn)] : [],
    );
    const mlflow = mayAskMlflow(environment['MLFLOW_TRACKING_URI'], {
      searches: name === SWEEP.name,
      writes: environment['MLFLOW_WRITE_BACK'] === 'true',
    });
    return [...secrets, ...mlflow, ...this.#mayReadSigningKeys()];
  }

  #mayReadSigningKeys(): PolicyStatement[] {
    const { signingSecret } = this.#props;
    return signingSecret === undefined ? [] : [mayReadSecret(signingSecret)];
  }

  #common(name: string, url: string, bundle = name) {
    const { config, stage, bundles, environments, signingSecret } = this.#props;
    return {
      codeFolder: join(bundles, bundle),
      environment: {
        ...environments[name],
        ...(signingSecret !== undefined && { [`${SIGNING_KEY}_ARN`]: signingSecret }),
        TRANSPORT_URL: url,
        METRICS_PREFIX: config.prefix,
      },
      removalPolicy: stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    };
  }

  #output(id: string, description: string, value: string): void {
    new CfnOutput(this, id, { description, value });
  }
}
