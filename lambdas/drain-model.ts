import config from '../hikyaku.config.ts';
import { handlerLater } from '../src/consume/handler-later.ts';
import { lambdaDrain } from '../src/consume/lambda-drain.ts';

export const handler = lambdaDrain(
  config,
  'model_ready_to_deploy/deploy',
  handlerLater(async () => {
    const { deployHandlerFrom } = await import('../src/model-ready/deploy/deploy-handler.ts');
    return deployHandlerFrom(process.env, config);
  }),
);
