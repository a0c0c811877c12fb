import { closest } from '../../text/closest.ts';
import { InvalidTransportUrl, quoted, SCHEMES, type SchemeName } from '../schemes.ts';
import type { Topology, Transport } from '../transport.ts';
import { withBroadcast } from '../with-broadcast.ts';
import { MESSAGE_TYPES } from './agents.ts';
import type { ListSystem, StreamSystem } from './systems.ts';

interface DialectUrl {
  readonly text: string;
  readonly url: URL;
  readonly scheme: SchemeName;
  readonly topology: Topology;
}

interface Known {
  readonly carriers: readonly SchemeName[];
  /** What may stand after the name, as `NAME:DETAIL`. Absent: nothing. */
  readonly detail?: string;
  open(where: DialectUrl, detail: string | undefined): Promise<Transport>;
}

const STREAMS: readonly SchemeName[] = ['redis', 'rediss'];
const LISTS: readonly SchemeName[] = ['redis+list', 'rediss+list'];
const FILES: readonly SchemeName[] = ['file'];

const DIALECTS: Readonly<Record<string, Known>> = {
  'report-stream': {
    carriers: STREAMS,
    detail: 'STREAM',
    open: async (where, stream) => {
      const { topics } = where.topology;
      if (stream !== undefined && topics.length > 1) {
        throw new InvalidTransportUrl(
          `dialect=report-stream:${stream} names one stream, and the config has ${topics.length} topics: leave the name away, or give a config with one`,
        );
      }
      return onStreams(where, (await import('./reports.ts')).reportStream(stream));
    },
  },
  'event-bus': {
    carriers: STREAMS,
    open: async (where) => onStreams(where, (await import('./event-bus.ts')).eventBus),
  },
  agents: {
    carriers: STREAMS,
    detail: 'TYPE',
    open: async (where, type) => {
      if (type !== undefined && !MESSAGE_TYPES.includes(type)) {
        throw new InvalidTransportUrl(
          `${quoted(type)} is no type of message to agents${closest(type, MESSAGE_TYPES)}: expected ${MESSAGE_TYPES.join(', ')}`,
        );
      }
      const secret = process.env['AGENTS_SECRET'] || undefined;
      const { agents } = await import('./agents.ts');
      return withNotices(where, await onStreams(where, agents({ secret, type })), type);
    },
  },
  hokusai: {
    carriers: LISTS,
    open: async (where) => onLists(where, (await import('./hokusai.ts')).hokusai),
  },
  'hokusai-flat': {
    carriers: LISTS,
    open: async (where) => onLists(where, (await import('./hokusai-flat.ts')).hokusaiFlat),
  },
  jobs: {
    carriers: LISTS,
    open: async (where) => onLists(where, (await import('./jobs.ts')).jobs),
  },
  'file-reports': { carriers: FILES, open: onFiles },
};

/**
 * Opens the carrier of a URL in the dialect that it names, `?dialect=NAME` or `?dialect=NAME:DETAIL`.
 *
 * @throws InvalidTransportUrl naming the nearest dialect, or the carriers that it is for.
 */
export async function openDialect(where: DialectUrl): Promise<Transport> {
  const [, name = '', detail] =
    /^([^:]*)(?::(.*))?$/s.exec(where.url.searchParams.get('dialect') ?? '') ?? [];
  const known = Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined;
  if (known === undefined) {
    const names = Object.keys(DIALECTS);
    throw new InvalidTransportUrl(
      `${quoted(name)} is not a dialect${closest(name, names)}: expected ${names.join(', ')}`,
    );
  }
  if (!known.carriers.includes(where.scheme)) {
    const [first = 'redis'] = known.carriers;
    const right = known.carriers.map((carrier) => `${carrier}:`).join(' or ');
    throw new InvalidTransportUrl(
      `the dialect ${name} is not for ${where.scheme}: it is for ${right}, as ${SCHEMES[first].example}?dialect=${name}`,
    );
  }
  if (detail === '' || (detail !== undefined && known.detail === undefined)) {
    const expected = known.detail === undefined ? name : `${name}, or ${name}:${known.detail}`;
    throw new InvalidTransportUrl(`dialect is ${quoted(`${name}:${detail}`)}: expected ${expected}`);
  }
  return known.open(where, detail);
}

async function onStreams({ url, topology }: DialectUrl, system: StreamSystem): Promise<Transport> {
  const [{ redisOptions }, { createDialectStreams }] = await Promise.all([
    import('../open-redis.ts'),
    import('../redis-streams/dialect/streams.ts'),
  ]);
  return createDialectStreams(system, topology, redisOptions(url));
}

/** What is said to agents on channels, to whoever listens. */
function withNotices(
  { url, topology: { prefix } }: DialectUrl,
  transport: Transport,
  type: string | undefined,
): Transport {
  return withBroadcast(transport, async () => {
    const [{ redisOptions }, { createRedisBroadcast }, { noticeWording }] = await Promise.all([
      import('../open-redis.ts'),
      import('../redis/broadcast.ts'),
      import('./agents-notice.ts'),
    ]);
    const { messageBytes } = transport.limits;
    const wording = noticeWording({ type });
    return createRedisBroadcast({ ...redisOptions(url), prefix, messageBytes, sharded: false, wording });
  });
}

async function onLists({ url, topology }: DialectUrl, system: ListSystem): Promise<Transport> {
  const [{ listOptions }, { createDialectLists }] = await Promise.all([
    import('../redis-list/open.ts'),
    import('./lists.ts'),
  ]);
  return createDialectLists(system, topology, listOptions(url));
}

async function onFiles({ text, url, topology }: DialectUrl): Promise<Transport> {
  const [{ fileOptions }, { createReportFiles }] = await Promise.all([
    import('../file/open.ts'),
    import('./files.ts'),
  ]);
  return createReportFiles(topology, fileOptions(text, url));
}
