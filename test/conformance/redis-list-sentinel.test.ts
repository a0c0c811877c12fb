import { describe } from 'vitest';
import { WITHOUT_REDIS } from '../support/redis.ts';
import { startSentinels } from '../support/redis-sentinel.ts';
import { describeRedisList } from './redis-list.ts';

describe.skipIf(WITHOUT_REDIS)('behind three Sentinels', () => {
  describeRedisList('redis+list', () => startSentinels());
});
