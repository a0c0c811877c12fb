import config from '../hikyaku.config.ts';
import { emitFunction } from '../src/model-ready/emit-function.ts';

export const handler = emitFunction(config);
