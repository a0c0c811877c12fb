import { type Config, defineConfig, topic } from './src/config/define-config.ts';
import { modelReadyToDeploy } from './src/model-ready/contract.ts';
import { modelToEvaluate } from './src/model-ready/to-evaluate.ts';

/** What flows: read by the Lambda functions, the command line and the CDK app. */
const config: Config = defineConfig({
  topics: [
    topic(modelReadyToDeploy, {
      deploy: {
        loadHandler: async () => {
          const { deployHandlerFrom } = await import('./src/model-ready/deploy/deploy-handler.ts');
          return { default: deployHandlerFrom(process.env, config) };
        },
        handlerTimeoutMs: 30_000,
        lambda: { entry: 'lambdas/deploy-model.ts', drainEntry: 'lambdas/drain-model.ts' },
      },
    }),
    topic(modelToEvaluate, {
      judge: {
        loadHandler: async () => {
          const { evaluateHandlerFrom } = await import('./src/model-ready/judge/evaluate-handler-from.ts');
          return { default: evaluateHandlerFrom(process.env, config) };
        },
        // A dozen questions to a registry that takes ten seconds for each.
        handlerTimeoutMs: 120_000,
        // A registry may be away, and a run go on, for a quarter of an hour.
        retry: { maxAttempts: 12 },
        lambda: { entry: 'lambdas/evaluate-model.ts', drainEntry: 'lambdas/drain-evaluate.ts' },
      },
    }),
  ],
});

export default config;
