import { checked } from './capabilities.ts';
import type { Node, ServerOptions } from './redis/server-options.ts';
import type { RedisStreamsOptions } from './redis-streams/options.ts';
import { InvalidTransportUrl, installed, parseTransportUrl, quoted, SCHEMES } from './schemes.ts';
import type { Topology, Transport } from './transport.ts';
import { duration, wholeNumber, yesOrNo } from './url-values.ts';

/**
 * Opens the transport that a `redis:` or `rediss:` URL names. For programs that run on nothing else: a bundle of
 * them carries no other driver.
 *
 * @throws InvalidTransportUrl also for the URL of another carrier.
 * @throws TransportError `Unsupported` when the topology asks for what the carrier cannot do.
 */
export async function openRedisTransport(text: string, topology: Topology): Promise<Transport> {
  // No dialect: that is for workers.
  const { url, scheme } = parseTransportUrl(text, ['prefix']);
  if (scheme !== 'redis' && scheme !== 'rediss') {
    throw new InvalidTransportUrl(
      `${scheme}: is not Redis: expected ${SCHEMES.redis.example}, or ${SCHEMES.rediss.example}`,
    );
  }
  return checked(await openRedis(url, installed(topology, url)), topology);
}

export async function openRedis(url: URL, topology: Topology): Promise<Transport> {
  const { createRedisStreamsTransport } = await import('./redis-streams/redis-streams.ts');
  return createRedisStreamsTransport(topology, redisOptions(url));
}

/** What a `redis:` or `rediss:` URL asks for. Throws {@link InvalidTransportUrl}. */
export function redisOptions(url: URL): RedisStreamsOptions {
  const { searchParams: query } = url;
  return {
    ...serverOptions(url),
    retentionMs: duration('retention', query.get('retention') ?? '0'),
    maxDepth: wholeNumber('maxDepth', query.get('maxDepth') ?? '0'),
    blocking: yesOrNo('blocking', query.get('blocking') ?? 'true'),
  };
}

/** Which server a URL names, and as whom: the same for every driver that runs on Redis. */
export function serverOptions(url: URL): ServerOptions {
  const database = url.pathname.replace(/^\//, '');
  // It may be what stands behind a / in a password.
  const shown = /^\w{0,16}$/.test(database) ? database : '@';
  return {
    ...serversOf(url),
    tls: url.protocol.startsWith('rediss'),
    ...(url.username !== '' && { username: unescaped(url.username) }),
    ...(url.password !== '' && { password: unescaped(url.password) }),
    ...iam(url),
    database: wholeNumber('the database', shown || '0'),
    waitReplicas: wholeNumber('waitReplicas', url.searchParams.get('waitReplicas') ?? '0'),
  };
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new InvalidTransportUrl('user or password: write % as %25');
  }
}

const REDIS_PORT = 6_379;
const SENTINEL_PORT = 26_379;

/** One server; Sentinels that know the master; or nodes of a cluster: the URL's host, and others in the query. */
function serversOf(url: URL): Node & Pick<ServerOptions, 'sentinel' | 'cluster'> {
  const { searchParams: query } = url;
  const master = query.get('master');
  const password = query.get('sentinelPassword');
  const cluster = yesOrNo('cluster', query.get('cluster') ?? 'false');
  if (master !== null && cluster) {
    throw new InvalidTransportUrl('master and cluster=true exclude each other: a cluster has no Sentinels');
  }
  for (const [name, needed, given] of [
    ['sentinels', 'master=NAME', master],
    ['sentinelPassword', 'master=NAME', master],
    ['nodes', 'cluster=true', cluster],
  ] as const) {
    if (query.has(name) && !given) throw new InvalidTransportUrl(`${name} takes ${needed} beside it`);
  }
  if (master === '') throw new InvalidTransportUrl('master is empty: expected the name that Sentinels know');
  const port = master === null ? REDIS_PORT : SENTINEL_PORT;
  const others = addresses(master === null ? 'nodes' : 'sentinels', query, port);
  return {
    ...address(url, port),
    ...(cluster && { cluster: { others } }),
    ...(master !== null && { sentinel: { master, others, ...(password !== null && { password }) } }),
  };
}

function address({ hostname, port }: URL, usual: number): Node {
  // Brackets are the URL's around IPv6, not the address's.
  const host = hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  return { host, port: port === '' ? usual : Number(port) };
}

function addresses(name: string, query: URLSearchParams, usual: number): Node[] {
  const text = query.get(name);
  if (text === null) return [];
  return text.split(',').map((part) => {
    const url = URL.parse(`redis://${part}`);
    if (part !== '' && url?.host === part) return address(url, usual);
    throw new InvalidTransportUrl(
      `${name} is ${quoted(text)}: expected addresses like host2:${usual},host3:${usual}`,
    );
  });
}

function iam(url: URL): Pick<ServerOptions, 'iam'> {
  const text = url.searchParams.get('iam');
  if (text === null) return {};
  const [, kind, name] = /^(\w+):([a-z][a-z0-9-]*)$/.exec(text) ?? [];
  if (name && url.username && (kind === 'replicationgroup' || kind === 'serverlesscache')) {
    return { iam: { kind, name } };
  }
  throw new InvalidTransportUrl(
    `iam is ${quoted(text)}: expected a cache of ElastiCache and its user, as rediss://user@host?iam=replicationgroup:NAME`,
  );
}
