import { checked } from './capabilities.ts';
import { openRedis, serverOptions } from './open-redis.ts';
import {
  InvalidTransportUrl,
  installed,
  parseTransportUrl,
  quoted,
  SCHEMES,
  type SchemeName,
} from './schemes.ts';
import type { Topology, Transport } from './transport.ts';
import { withBroadcast } from './with-broadcast.ts';

/** Loads the driver of a scheme, and opens it: what is not used is not loaded. */
const DRIVERS: Readonly<
  Record<SchemeName, (url: URL, topology: Topology, text: string) => Promise<Transport>>
> = {
  memory: async (_url, topology) => (await import('./memory/memory.ts')).createMemoryTransport(topology),
  file: async (url, topology, text) => (await import('./file/open.ts')).openFile(text, url, topology),
  sqs: async (url, topology) => (await import('./sqs/sqs.ts')).createSqsTransport(topology, sqsOptions(url)),
  redis: broadcasting(openRedis),
  rediss: broadcasting(openRedis),
  'redis+list': broadcasting(openList),
  'rediss+list': broadcasting(openList),
};

/**
 * Opens the transport that a URL names: `memory:`, `file:///var/mq`, `sqs://eu-west-1?prefix=prod`, `sqs://127.0.0.1:4566`,
 * `redis://host:6379`, `rediss://user:password@host:6379?retention=24h`, `redis+list://host:6379`.
 * Connects lazily: a carrier that is away shows at the first call.
 *
 * @throws InvalidTransportUrl naming the misspelled part and the nearest right one.
 * @throws TransportError `Unsupported` when the topology asks for what the carrier cannot do.
 */
export async function openTransport(text: string, topology: Topology): Promise<Transport> {
  const { url, scheme } = parseTransportUrl(text);
  const here = installed(topology, url);
  if (url.searchParams.has('dialect')) {
    const { openDialect } = await import('./dialects/open.ts');
    return checked(await openDialect({ text, url, scheme, topology: here }), topology);
  }
  return checked(await DRIVERS[scheme](url, here, text), topology);
}

async function openList(url: URL, topology: Topology): Promise<Transport> {
  return (await import('./redis-list/open.ts')).openRedisList(url, topology);
}

/** Here, and not where drains open theirs: a function that never broadcasts carries nothing of it. */
function broadcasting(open: typeof openList): typeof openList {
  return async (url, topology) => {
    const transport = await open(url, topology);
    return withBroadcast(transport, async () => {
      const { createRedisBroadcast } = await import('./redis/broadcast.ts');
      const { prefix } = topology;
      const { messageBytes } = transport.limits;
      const server = serverOptions(url);
      const sharded = server.cluster !== undefined;
      return createRedisBroadcast({ ...server, prefix, messageBytes, sharded });
    });
  };
}

function sqsOptions(url: URL): { region?: string; endpoint?: string } {
  const region = url.searchParams.get('region') || null;
  if (/^[a-z]{2}(?:-[a-z]+)+-\d+$/.test(url.hostname) && url.port === '') {
    if (region !== null && region !== url.hostname) {
      throw new InvalidTransportUrl(
        `${url.hostname} and region ${quoted(region)} name two regions: give one`,
      );
    }
    return { region: url.hostname };
  }
  if (url.port === '') {
    throw new InvalidTransportUrl(
      `${quoted(url.host)} is neither an AWS region nor an emulator's host:port: expected ${SCHEMES.sqs.example}`,
    );
  }
  return { endpoint: `http://${url.host}`, region: region ?? 'us-east-1' };
}
