import config from '../hikyaku.config.ts';
import { lambdaDrain } from '../src/consume/lambda-drain.ts';
import { evaluateHandlerFrom } from '../src/model-ready/judge/evaluate-handler-from.ts';

export const handler = lambdaDrain(
  config,
  'model_to_evaluate/judge',
  evaluateHandlerFrom(process.env, config),
);
