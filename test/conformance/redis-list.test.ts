import { describe } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';
import { describeRedisList } from './redis-list.ts';

describe.skipIf(WITHOUT_REDIS && !process.env['REDIS_URL'])('on a real server', () => {
  describeRedisList('redis+list', async () => {
    const url = process.env['REDIS_URL'];
    return url ? { url, stop: async () => {} } : startRedis();
  });
});
