import { prefixName } from '../message/names.ts';
import { closest } from '../text/closest.ts';
import { checkCapabilities } from './capabilities.ts';
import type { RedisStreamsOptions } from './redis-streams/options.ts';
import type { Topology, Transport } from './transport.ts';

/** A `TRANSPORT_URL` that cannot be used. The message says what is wrong and what would be right. */
export class InvalidTransportUrl extends Error {
  override readonly name = 'InvalidTransportUrl';
}

interface Scheme {
  readonly example: string;
  /** Options the query may name, besides `prefix`, which all take. */
  readonly options: readonly string[];
  /** Loads the driver: what is not used is not loaded. */
  open(url: URL, topology: Topology): Promise<Transport>;
}

const REDIS_OPTIONS = ['retention', 'maxDepth', 'blocking'];

const SCHEMES: Readonly<Record<string, Scheme>> = {
  memory: {
    example: 'memory:',
    options: [],
    open: async (_url, topology) => (await import('./memory/memory.ts')).createMemoryTransport(topology),
  },
  sqs: {
    example: 'sqs://eu-west-1 (AWS) or sqs://127.0.0.1:4566 (an emulator)',
    options: ['region'],
    open: async (url, topology) =>
      (await import('./sqs/sqs.ts')).createSqsTransport(topology, sqsOptions(url)),
  },
  redis: { example: 'redis://host:6379', options: REDIS_OPTIONS, open: openRedis },
  rediss: { example: 'rediss://host:6379 (TLS)', options: REDIS_OPTIONS, open: openRedis },
};

/**
 * Opens the transport that a URL names: `memory:`, `sqs://eu-west-1?prefix=prod`, `sqs://127.0.0.1:4566`,
 * `redis://host:6379`, `rediss://user:password@host:6379?retention=24h`.
 * Connects lazily: a carrier that is away shows at the first call.
 *
 * @throws InvalidTransportUrl naming the misspelled part and the nearest right one.
 * @throws TransportError `Unsupported` when the topology asks for what the carrier cannot do.
 */
export async function openTransport(text: string, topology: Topology): Promise<Transport> {
  const { url, scheme } = parseTransportUrl(text);
  const prefix = url.searchParams.get('prefix');
  const transport = await scheme.open(url, prefix === null ? topology : { ...topology, prefix });
  try {
    checkCapabilities(transport, topology);
  } catch (error) {
    await transport.close();
    throw error;
  }
  return transport;
}

/** `TRANSPORT_URL` of the environment. Throws {@link InvalidTransportUrl} when it is not set. */
export function transportUrl(environment: NodeJS.ProcessEnv = process.env): string {
  const url = environment['TRANSPORT_URL'];
  if (url) return url;
  throw new InvalidTransportUrl(`TRANSPORT_URL is not set: expected ${examples()}`);
}

/** The URL without user, password and query, for messages and tables. */
export function describeUrl(text: string): string {
  const { url } = parseTransportUrl(text);
  return url.host ? `${url.protocol}//${url.host}` : url.protocol;
}

function parseTransportUrl(text: string): { url: URL; scheme: Scheme } {
  const url = URL.parse(text);
  if (url === null)
    throw new InvalidTransportUrl(`${JSON.stringify(text)} is not a transport URL: expected ${examples()}`);
  const name = url.protocol.slice(0, -1);
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (scheme === undefined) {
    throw new InvalidTransportUrl(
      `${name}: is not a transport${closest(name, Object.keys(SCHEMES))}: expected ${examples()}`,
    );
  }
  const options = [...scheme.options, 'prefix'];
  for (const key of url.searchParams.keys()) {
    if (options.includes(key)) continue;
    throw new InvalidTransportUrl(
      `${key} is not an option of ${name}:${closest(key, options)}; it takes ${options.join(', ')}`,
    );
  }
  const prefix = url.searchParams.get('prefix');
  if (prefix !== null) prefixName(prefix);
  return { url, scheme };
}

function examples(): string {
  return Object.values(SCHEMES)
    .map(({ example }) => example)
    .join(', or ');
}

async function openRedis(url: URL, topology: Topology): Promise<Transport> {
  const { createRedisStreamsTransport } = await import('./redis-streams/redis-streams.ts');
  return createRedisStreamsTransport(topology, redisOptions(url));
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
      `${JSON.stringify(url.host)} is neither an AWS region nor an emulator's host:port: expected ${SCHEMES['sqs']?.example}`,
    );
  }
  return { endpoint: `http://${url.host}`, region: region ?? 'us-east-1' };
}

function redisOptions(url: URL): RedisStreamsOptions {
  const { searchParams: query } = url;
  const database = url.pathname.replace(/^\//, '');
  return {
    // Brackets are the URL's around IPv6, not the address's.
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 6_379 : Number(url.port),
    tls: url.protocol === 'rediss:',
    ...(url.username !== '' && { username: decodeURIComponent(url.username) }),
    ...(url.password !== '' && { password: decodeURIComponent(url.password) }),
    database: wholeNumber('the database', database === '' ? '0' : database),
    retentionMs: duration('retention', query.get('retention') ?? '0'),
    maxDepth: wholeNumber('maxDepth', query.get('maxDepth') ?? '0'),
    blocking: yesOrNo('blocking', query.get('blocking') ?? 'true'),
  };
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function duration(name: string, text: string): number {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (text === '0') return 0;
  if (count !== undefined) return Number(count) * (UNITS[unit] ?? 1);
  throw new InvalidTransportUrl(
    `${name} is ${JSON.stringify(text)}: expected a duration like 30m, 24h or 7d`,
  );
}

function wholeNumber(name: string, text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidTransportUrl(`${name} is ${JSON.stringify(text)}: expected a whole number`);
}

function yesOrNo(name: string, text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  throw new InvalidTransportUrl(`${name} is ${JSON.stringify(text)}: expected true or false`);
}
