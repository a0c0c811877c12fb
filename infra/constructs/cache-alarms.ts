import type { Alarms } from './alarms.ts';
import { cacheMetric } from './metrics.ts';

/** What tells alarms about a cache: the nodes of a group, or one that scales by itself. */
export type CacheMetrics =
  | { readonly kind: 'nodes'; readonly nodeIds: readonly string[] }
  | { readonly kind: 'serverless'; readonly name: string };

const GIB = 1024 ** 3;

/** Alarms about Redis on ElastiCache itself. */
export function addCacheAlarms(alarms: Alarms, cache: CacheMetrics): void {
  if (cache.kind === 'serverless') addServerless(alarms, cache.name);
  else for (const [index, id] of cache.nodeIds.entries()) addNode(alarms, `node-${index + 1}`, id);
}

function addNode(alarms: Alarms, id: string, CacheClusterId: string): void {
  const { engineCpuPercent, memoryPercent, connections, replicationLagSeconds } = alarms.thresholds;
  const metric = (name: string, statistic = 'Maximum') =>
    cacheMetric(name, { CacheClusterId }, { statistic });
  alarms.add(`${id}-cpu`, engineCpuPercent, metric('EngineCPUUtilization'), {
    alarmDescription: `Redis ${id} is busy for more than ${engineCpuPercent} % of its time`,
  });
  alarms.add(`${id}-memory`, memoryPercent, metric('DatabaseMemoryUsagePercentage'), {
    alarmDescription: `Redis ${id} is more than ${memoryPercent} % full: a full one refuses publishes`,
  });
  alarms.add(`${id}-evictions`, 0, metric('Evictions', 'Sum'), {
    alarmDescription: `Redis ${id} has evicted keys, and messages with them: set maxmemory-policy to noeviction`,
    symptom: true,
  });
  alarms.add(`${id}-connections`, connections, metric('CurrConnections'), {
    alarmDescription: `Redis ${id} has more than ${connections} connections, and takes 65,000`,
  });
  alarms.add(`${id}-replication-lag`, replicationLagSeconds, metric('ReplicationLag'), {
    alarmDescription: `Redis ${id} is more than ${replicationLagSeconds} s behind its primary`,
  });
}

function addServerless(alarms: Alarms, clusterId: string): void {
  const { serverlessGib, serverlessWriteMs } = alarms.thresholds;
  const metric = (name: string, statistic: string) => cacheMetric(name, { clusterId }, { statistic });
  alarms.add('cache-throttled', 0, metric('ThrottledCmds', 'Sum'), {
    alarmDescription: 'Redis has refused commands: it is asked for more than it has scaled to',
  });
  alarms.add('cache-bytes', serverlessGib * GIB, metric('BytesUsedForCache', 'Maximum'), {
    alarmDescription: `Redis holds more than ${serverlessGib} GiB, which is what it bills`,
  });
  // CloudWatch has it in microseconds.
  alarms.add('cache-latency', serverlessWriteMs * 1_000, metric('SuccessfulWriteRequestLatency', 'p99'), {
    alarmDescription: `One in a hundred writes to Redis takes more than ${serverlessWriteMs} ms`,
  });
}
