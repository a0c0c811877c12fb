import { describe } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';
import { describeRedisStreams } from './redis-streams.ts';

describe.skipIf(WITHOUT_REDIS && !process.env['REDIS_URL'])('on a real server', () => {
  describeRedisStreams('redis', async () => {
    const url = process.env['REDIS_URL'];
    return url ? { url, stop: async () => {} } : startRedis();
  });
});
