import { prefixName } from '../message/names.ts';
import { closest } from '../text/closest.ts';
import { checkCapabilities } from './capabilities.ts';
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
};

/**
 * Opens the transport that a URL names: `memory:`, `sqs://eu-west-1?prefix=prod`, `sqs://127.0.0.1:4566`.
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
  const scheme = SCHEMES[name];
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
