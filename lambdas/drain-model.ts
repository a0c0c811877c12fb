import config from '../hikyaku.config.ts';
import { lambdaDrain } from '../src/consume/lambda-drain.ts';
import { deployHandlerFrom } from '../src/model-ready/deploy/deploy-handler.ts';

export const handler = lambdaDrain(
  config,
  'model_ready_to_deploy/deploy',
  deployHandlerFrom(process.env, config),
);
