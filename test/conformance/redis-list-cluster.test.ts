import { describe } from 'vitest';
import { WITHOUT_REDIS } from '../support/redis.ts';
import { startCluster } from '../support/redis-cluster.ts';
import { describeRedisList } from './redis-list.ts';

describe.skipIf(WITHOUT_REDIS)('on a cluster of three shards', () => {
  describeRedisList('redis+list', () => startCluster());
});
