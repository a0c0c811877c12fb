import { defineConfig, topic } from './src/config/define-config.ts';
import { modelReadyToDeploy } from './src/model-ready/contract.ts';

/** What flows: read by the Lambda functions, the command line and the CDK app. */
export default defineConfig({
  topics: [
    topic(modelReadyToDeploy, {
      deploy: {
        loadHandler: () => import('./src/model-ready/deploy-handler.ts'),
        handlerTimeoutMs: 30_000,
        lambda: { entry: 'lambdas/deploy-model.ts' },
      },
    }),
  ],
});
