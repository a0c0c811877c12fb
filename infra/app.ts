import { App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import definition from '../hikyaku.config.ts';
import { InvalidConfig } from '../src/config/define-config.ts';
import { InvalidName } from '../src/message/names.ts';
import { bundleLambdas } from './bundles/bundle.ts';
import { bundlesFor, lambdaFunctions } from './bundles/functions.ts';
import { contextOf } from './context.ts';
import { InvalidContext } from './invalid-context.ts';
import { buildStacks } from './stacks.ts';
import { parseTransport } from './transport.ts';

try {
  const app = new App();
  const transport = parseTransport(contextOf(app)('transport'));
  const bundles = bundlesFor(transport);
  await bundleLambdas(lambdaFunctions(definition, transport), bundles);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  buildStacks(app, { definition, transport, bundles });
  app.synth();
} catch (error) {
  if (!(error instanceof InvalidContext || error instanceof InvalidName || error instanceof InvalidConfig)) {
    throw error;
  }
  console.error(error.message);
  process.exitCode = 1;
}
