import config from '../hikyaku.config.ts';
import { evaluateWebhookFunction } from '../src/model-ready/webhook/evaluate-webhook-function.ts';

export const handler = evaluateWebhookFunction(config);
