import config from '../hikyaku.config.ts';
import { emitFunction } from '../src/model-ready/judge/emit-function.ts';

export const handler = emitFunction(config);
