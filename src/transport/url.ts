import { checked } from './capabilities.ts';
import { openRedis } from './open-redis.ts';
import { InvalidTransportUrl, installed, parseTransportUrl, SCHEMES, type SchemeName } from './schemes.ts';
import type { Topology, Transport } from './transport.ts';

/** Loads the driver of a scheme, and opens it: what is not used is not loaded. */
const DRIVERS: Readonly<Record<SchemeName, (url: URL, topology: Topology) => Promise<Transport>>> = {
  memory: async (_url, topology) => (await import('./memory/memory.ts')).createMemoryTransport(topology),
  sqs: async (url, topology) => (await import('./sqs/sqs.ts')).createSqsTransport(topology, sqsOptions(url)),
  redis: openRedis,
  rediss: openRedis,
  'redis+list': openList,
  'rediss+list': openList,
};

/**
 * Opens the transport that a URL names: `memory:`, `sqs://eu-west-1?prefix=prod`, `sqs://127.0.0.1:4566`,
 * `redis://host:6379`, `rediss://user:password@host:6379?retention=24h`, `redis+list://host:6379`.
 * Connects lazily: a carrier that is away shows at the first call.
 *
 * @throws InvalidTransportUrl naming the misspelled part and the nearest right one.
 * @throws TransportError `Unsupported` when the topology asks for what the carrier cannot do.
 */
export async function openTransport(text: string, topology: Topology): Promise<Transport> {
  const { url, scheme } = parseTransportUrl(text);
  return checked(await DRIVERS[scheme](url, installed(topology, url)), topology);
}

async function openList(url: URL, topology: Topology): Promise<Transport> {
  return (await import('./redis-list/open.ts')).openRedisList(url, topology);
}

function sqsOptions(url: URL): { region?: string; endpoint?: string } {
  const region = url.searchParams.get('region');
  if (/^[a-z]{2}(?:-[a-z]+)+-\d+$/.test(url.hostname) && url.port === '') {
    if (region !== null && region !== url.hostname) {
      throw new InvalidTransportUrl(`${url.hostname} and region=${region} name two regions: give one`);
    }
    return { region: url.hostname };
  }
  if (url.port === '') {
    throw new InvalidTransportUrl(
      `${JSON.stringify(url.host)} is neither an AWS region nor an emulator's host:port: expected ${SCHEMES.sqs.example}`,
    );
  }
  return { endpoint: `http://${url.host}`, region: region ?? 'us-east-1' };
}
