import { prefixName } from '../message/names.ts';
import { closest } from '../text/closest.ts';
import type { Topology } from './transport.ts';

/** A `TRANSPORT_URL` that cannot be used. The message says what is wrong and what would be right. */
export class InvalidTransportUrl extends Error {
  override readonly name = 'InvalidTransportUrl';
}

interface Scheme {
  readonly example: string;
  /** Options the query may name, besides `prefix` and `dialect`. */
  readonly options: readonly string[];
}

const REDIS_SERVERS = ['waitReplicas', 'master', 'sentinels', 'sentinelPassword', 'cluster', 'nodes'];
const REDIS_OPTIONS = ['retention', 'maxDepth', 'blocking', ...REDIS_SERVERS];
const LIST_OPTIONS = ['maxDepth', 'blocking', 'queue', 'processing', 'dlq', ...REDIS_SERVERS];

export const SCHEMES = {
  memory: { example: 'memory:', options: [] },
  file: { example: 'file:///var/mq', options: ['layout', 'retention'] },
  sqs: { example: 'sqs://eu-west-1 (AWS) or sqs://127.0.0.1:4566 (an emulator)', options: ['region'] },
  redis: { example: 'redis://host:6379', options: REDIS_OPTIONS },
  rediss: { example: 'rediss://host:6379 (TLS)', options: [...REDIS_OPTIONS, 'iam'] },
  'redis+list': { example: 'redis+list://host:6379', options: LIST_OPTIONS },
  'rediss+list': { example: 'rediss+list://host:6379 (TLS)', options: [...LIST_OPTIONS, 'iam'] },
} as const satisfies Readonly<Record<string, Scheme>>;
export type SchemeName = keyof typeof SCHEMES;

/** A transport URL, checked. */
export interface ParsedUrl {
  readonly url: URL;
  readonly scheme: SchemeName;
}

const HIDDEN = '"…"';

/** A part of a URL, as errors show it: hidden where a slip may have left a password in it. */
export function quoted(part: string): string {
  return /^[^@=&?#]{0,80}$/.test(part) ? JSON.stringify(part) : HIDDEN;
}

/** `TRANSPORT_URL` of the environment. Throws {@link InvalidTransportUrl} when it is not set. */
export function transportUrl(environment: NodeJS.ProcessEnv = process.env): string {
  const url = environment['TRANSPORT_URL'];
  if (url) return url;
  throw new InvalidTransportUrl(`TRANSPORT_URL is not set: expected ${examples()}`);
}

/** The URL without user, password and query, for messages and tables. */
export function describeUrl(text: string): string {
  const { url, scheme } = parseTransportUrl(text);
  if (url.host) return `${url.protocol}//${url.host}`;
  return scheme === 'file' ? `file://${url.pathname}` : url.protocol;
}

/**
 * @param general Options of every scheme.
 *
 * @throws InvalidTransportUrl, InvalidName naming the misspelled part and the nearest right one.
 */
export function parseTransportUrl(text: string, general = ['prefix', 'dialect']): ParsedUrl {
  const url = URL.parse(text);
  if (url === null) {
    throw new InvalidTransportUrl(`TRANSPORT_URL is not a transport URL: expected ${examples()}`);
  }
  const name = url.protocol.slice(0, -1);
  if (!isScheme(name)) {
    throw new InvalidTransportUrl(
      `${name}: is not a transport${closest(name, Object.keys(SCHEMES))}: expected ${examples()}`,
    );
  }
  // A password would be taken for a host, and named.
  if (url.host !== '' && /[@=&]/.test(url.host + url.pathname)) {
    throw new InvalidTransportUrl(
      'TRANSPORT_URL has / ? @ elsewhere than expected: in a password write %2F %3F %40',
    );
  }
  const options = [...SCHEMES[name].options, ...general];
  for (const key of url.searchParams.keys()) {
    if (options.includes(key)) continue;
    const near = closest(key, options);
    // Without a value it may be what stands behind an & in a password.
    const shown = /^\w{1,30}$/.test(key) && (near || url.searchParams.get(key)) ? key : HIDDEN;
    throw new InvalidTransportUrl(
      `${shown} is not an option of ${name}:${near}; it takes ${options.join(', ')}`,
    );
  }
  const prefix = url.searchParams.get('prefix');
  if (prefix !== null) prefixName(quoted(prefix) === HIDDEN ? '…' : prefix);
  return { url, scheme: name };
}

/** The topology of the installation that the URL names: its `prefix` replaces the config's. */
export function installed(topology: Topology, url: URL): Topology {
  const prefix = url.searchParams.get('prefix');
  return prefix === null ? topology : { ...topology, prefix };
}

function isScheme(name: string): name is SchemeName {
  return Object.hasOwn(SCHEMES, name);
}

function examples(): string {
  return Object.values(SCHEMES)
    .map(({ example }) => example)
    .join(', or ');
}
