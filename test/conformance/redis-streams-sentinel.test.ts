import { describe } from 'vitest';
import { WITHOUT_REDIS } from '../support/redis.ts';
import { startSentinels } from '../support/redis-sentinel.ts';
import { describeRedisStreams } from './redis-streams.ts';

describe.skipIf(WITHOUT_REDIS)('behind three Sentinels', () => {
  describeRedisStreams('redis', () => startSentinels());
});
