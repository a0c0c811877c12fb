import config from '../hikyaku.config.ts';
import { sweepFunction } from '../src/model-ready/webhook/sweep-function.ts';

export const handler = sweepFunction(config);
