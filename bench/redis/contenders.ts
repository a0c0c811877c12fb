import type { Contender } from '../contenders.ts';

export const REDIS: readonly Contender[] = [
  { name: 'hikyaku', module: 'redis/drivers/hikyaku.ts' },
  { name: 'raw-ioredis', module: 'redis/drivers/raw-ioredis.ts', wanted: 0.9 },
  { name: 'raw-ioredis', module: 'redis/drivers/raw-ioredis.ts', settings: 'trim=1', wanted: 0.9 },
  { name: 'node-redis', module: 'peers/redis/node-redis.ts', peer: 'redis', wanted: 0.75 },
  { name: 'node-redis', module: 'peers/redis/node-redis.ts', settings: 'script=1', peer: 'redis' },
  { name: 'bullmq', module: 'peers/redis/bullmq.ts', peer: 'bullmq', wanted: 8 },
  {
    name: 'bullmq',
    module: 'peers/redis/bullmq.ts',
    settings: 'nodeRedis=1&workers=1',
    peer: 'bullmq',
    wanted: 8,
  },
  { name: 'bee-queue', module: 'peers/redis/bee-queue.ts', peer: 'bee-queue', wanted: 4 },
];
