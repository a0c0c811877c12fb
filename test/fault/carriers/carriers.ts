import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fetchElasticMq, startElasticMq } from '../../support/elasticmq.ts';
import { startRedis, WITHOUT_REDIS } from '../../support/redis.ts';
import type { Carrier, Server } from './carrier.ts';
import { type ServerProcess, startFauxqs, startHostile } from './server-process.ts';
import { onStandby } from './standby.ts';

const REDIS_MISSING = WITHOUT_REDIS ? 'no redis-server and no valkey-server on PATH' : undefined;
let elasticMq: Promise<string | undefined> | undefined;

/** All that faults are made on, by name. */
export const CARRIERS: readonly Carrier[] = [
  onRedis('redis', 'redis:'),
  onRedis('redis-list', 'redis+list:'),
  ...(['sentinel', 'cluster'] as const).flatMap((topology) => [
    onStandby('redis', 'redis:', topology),
    onStandby('redis-list', 'redis+list:', topology),
  ]),
  onFiles(),
  onSqs('sqs', startFauxqs),
  { ...onSqs('sqs-fifo', startFauxqs), ordered: true },
  { ...onSqs('sqs-hostile', startHostile), hostile: true },
  { ...onSqs('sqs-elasticmq', startElasticMqServer), unavailable: () => (elasticMq ??= fetchElasticMq()) },
];

/** A driver of Redis, by the scheme of its URL. */
function onRedis(name: string, scheme: string): Carrier {
  return {
    name,
    ordered: false,
    networked: true,
    hostile: false,
    isRedis: true,
    unavailable: async () => REDIS_MISSING,
    async start({ settings, environment, machine }) {
      const redis = await startRedis(settings, undefined, undefined, {
        ...environment,
        ...machine?.environment('.aof'),
      });
      return {
        port: redis.port,
        url: (port = redis.port) => `${scheme}//127.0.0.1:${port}`,
        redis,
        stop: () => redis.stop(),
      };
    },
  };
}

function onFiles(): Carrier {
  return {
    name: 'file',
    ordered: false,
    networked: false,
    isRedis: false,
    hostile: false,
    unavailable: async () => undefined,
    async start({ machine }) {
      const root = await mkdtemp(join(tmpdir(), 'hikyaku-judge-files-'));
      return {
        ...(machine && { environment: machine.environment(root) }),
        url: () => pathToFileURL(root).href,
        stop: () => rm(root, { recursive: true, force: true }),
      };
    },
  };
}

function onSqs(name: string, startServer: (seed: number) => Promise<ServerProcess>): Carrier {
  return {
    name,
    ordered: false,
    networked: true,
    hostile: false,
    isRedis: false,
    unavailable: async () => undefined,
    async start({ seed }): Promise<Server> {
      const server = await startServer(seed);
      return {
        ...server,
        url: (port = server.port) => `sqs://127.0.0.1:${port}?region=eu-west-1`,
      };
    },
  };
}

async function startElasticMqServer() {
  const { options, stop } = await startElasticMq();
  return { port: Number(new URL(options.endpoint).port), stop };
}
