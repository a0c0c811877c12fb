import { App } from 'aws-cdk-lib';
import definition from '../hikyaku.config.ts';
import type { Config } from '../src/config/define-config.ts';
import { InvalidName } from '../src/message/names.ts';
import { bundleLambdas } from './bundles/bundle.ts';
import { BUNDLES, lambdaFunctions } from './bundles/functions.ts';
import { readEnvironments } from './environment.ts';
import { FunctionsStack } from './functions-stack.ts';
import { InvalidContext } from './invalid-context.ts';
import { MessagingStack } from './messaging-stack.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { parseStage, stackName, stagePrefix } from './stage.ts';

try {
  const app = new App();
  const stage = parseStage(app.node.tryGetContext('stage'));
  const config: Config = { ...definition, prefix: stagePrefix(definition.prefix, stage) };
  const environments = readEnvironments((key) => app.node.tryGetContext(key));
  await bundleLambdas(lambdaFunctions(config), BUNDLES);

  const messaging = new MessagingStack(app, stackName(config.prefix, 'messaging'), { config, stage });
  const functions = new FunctionsStack(app, stackName(config.prefix, 'functions'), {
    config,
    stage,
    bundles: BUNDLES,
    environments,
  });
  const monitoring = new MonitoringStack(app, stackName(config.prefix, 'monitoring'), { config });
  // They find the queues by name, not by reference: so the order has to be said.
  functions.addStackDependency(messaging);
  monitoring.addStackDependency(messaging);
  app.synth();
} catch (error) {
  if (!(error instanceof InvalidContext || error instanceof InvalidName)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
