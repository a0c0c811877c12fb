import config from '../hikyaku.config.ts';
import { lambdaConsumer } from '../src/consume/lambda.ts';
import { deployHandlerFrom } from '../src/model-ready/deploy/deploy-handler.ts';

export const handler = lambdaConsumer(
  config,
  'model_ready_to_deploy/deploy',
  deployHandlerFrom(process.env, config),
);
