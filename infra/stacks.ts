import { Annotations, type App, Duration } from 'aws-cdk-lib';
import type { Config } from '../src/config/define-config.ts';
import { contextOf } from './context.ts';
import { accountOf, completeDeployment } from './deployment.ts';
import { checkEgress, readEnvironments, readSecretArn } from './environment.ts';
import { FunctionsStack } from './functions-stack.ts';
import { InvalidContext } from './invalid-context.ts';
import { checkDrains, checkEventSources } from './lambda-options.ts';
import { MessagingStack } from './messaging-stack.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { existingRedis } from './redis-access.ts';
import { RedisStack } from './redis-stack.ts';
import { parseStage, stackName, stagePrefix } from './stage.ts';
import type { TransportName } from './transport.ts';

export interface StacksOptions {
  readonly definition: Config;
  readonly transport: TransportName;
  /** The folder that holds each function's bundle in a folder of its name. */
  readonly bundles: string;
}

/**
 * All stacks of an installation, from the config and the app's context.
 *
 * @throws InvalidContext, InvalidConfig, InvalidName
 */
export function buildStacks(app: App, { definition, transport, bundles }: StacksOptions): void {
  const context = contextOf(app);
  const stage = parseStage(context('stage'));
  const config: Config = { ...definition, prefix: stagePrefix(definition.prefix, stage) };
  const { encryption, redis: options, alarms } = completeDeployment(definition.deployment);
  const place = accountOf(stage, definition.deployment);
  const where = place && { env: place };
  const environments = readEnvironments(context);
  const secrets = {
    webhookSecret: readSecretArn(context, 'webhookSecret'),
    signingSecret: readSecretArn(context, 'signingSecret'),
  };
  const existing = existingRedis(context('redisUrl'), config.prefix);
  const name = (what: string): string => stackName(config.prefix, what);
  const common = { ...where, config, stage, bundles, environments, ...secrets };

  if (transport === 'sqs') {
    checkEventSources(config);
    if (existing) throw new InvalidContext('redisUrl is for Redis: add -c transport=redis, or leave it out');
    const messaging = new MessagingStack(app, name('messaging'), { ...where, config, stage, encryption });
    const { encryptionKey } = messaging;
    const functions = new FunctionsStack(app, name('functions'), { ...common, encryptionKey });
    const { functions: deployed } = functions;
    const monitoring = new MonitoringStack(app, name('monitoring'), {
      ...where,
      config,
      alarms,
      functions: deployed,
    });
    // They find the queues by name, not by reference: so the order has to be said.
    functions.addStackDependency(messaging);
    monitoring.addStackDependency(messaging);
    return;
  }

  checkDrains(config);
  const drainEvery = Duration.minutes(options.drainEveryMinutes);
  let own: RedisStack | undefined;
  if (existing === undefined) {
    checkEgress(environments, options.egress, secrets);
    own = new RedisStack(app, name('redis'), { ...where, prefix: config.prefix, stage, options });
  }
  const server = existing ?? own;
  const functions = new FunctionsStack(app, name('functions'), {
    ...common,
    redis: server && { place: server, drainEvery },
  });
  if (existing?.warning) Annotations.of(functions).addWarningV2('hikyaku:password', existing.warning);
  new MonitoringStack(app, name('monitoring'), {
    ...where,
    config,
    alarms,
    functions: functions.functions,
    redis: { drainEvery, ...(own && { cache: own.metrics }) },
  });
}
