import { fetchElasticMq, startElasticMq } from '../../support/elasticmq.ts';
import { startRedis, WITHOUT_REDIS } from '../../support/redis.ts';
import type { Carrier, Server } from './carrier.ts';
import { startFauxqs } from './start-fauxqs.ts';

const REDIS_MISSING = WITHOUT_REDIS ? 'no redis-server and no valkey-server on PATH' : undefined;
let elasticMq: Promise<string | undefined> | undefined;

/** All that faults are made on, by name. */
export const CARRIERS: readonly Carrier[] = [
  onRedis('redis', 'redis:'),
  onSqs('sqs', startFauxqs),
  { ...onSqs('sqs-fifo', startFauxqs), ordered: true },
  { ...onSqs('sqs-elasticmq', startElasticMqServer), unavailable: () => (elasticMq ??= fetchElasticMq()) },
];

/** A driver of Redis, by the scheme of its URL. */
function onRedis(name: string, scheme: string): Carrier {
  return {
    name,
    ordered: false,
    networked: true,
    isRedis: true,
    unavailable: async () => REDIS_MISSING,
    async start({ settings, environment } = {}) {
      const redis = await startRedis(settings, undefined, environment);
      return {
        port: redis.port,
        url: (port = redis.port) => `${scheme}//127.0.0.1:${port}`,
        redis,
        stop: () => redis.stop(),
      };
    },
  };
}

function onSqs(name: string, startServer: () => Promise<{ port: number; stop(): Promise<void> }>): Carrier {
  return {
    name,
    ordered: false,
    networked: true,
    isRedis: false,
    unavailable: async () => undefined,
    async start(): Promise<Server> {
      const server = await startServer();
      return {
        port: server.port,
        url: (port = server.port) => `sqs://127.0.0.1:${port}?region=eu-west-1`,
        stop: () => server.stop(),
      };
    },
  };
}

async function startElasticMqServer() {
  const { options, stop } = await startElasticMq();
  return { port: Number(new URL(options.endpoint).port), stop };
}
