import config from '../hikyaku.config.ts';
import { lambdaConsumer } from '../src/consume/lambda.ts';
import { evaluateHandlerFrom } from '../src/model-ready/judge/evaluate-handler-from.ts';

export const handler = lambdaConsumer(
  config,
  'model_to_evaluate/judge',
  evaluateHandlerFrom(process.env, config),
);
