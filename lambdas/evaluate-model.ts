import config from '../hikyaku.config.ts';
import { handlerLater } from '../src/consume/handler-later.ts';
import { lambdaConsumer } from '../src/consume/lambda.ts';

export const handler = lambdaConsumer(
  config,
  'model_to_evaluate/judge',
  handlerLater(async () => {
    const { evaluateHandlerFrom } = await import('../src/model-ready/judge/evaluate-handler-from.ts');
    return evaluateHandlerFrom(process.env, config);
  }),
);
