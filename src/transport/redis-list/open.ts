import { serverOptions } from '../open-redis.ts';
import { InvalidTransportUrl } from '../schemes.ts';
import type { Topology, Transport } from '../transport.ts';
import { wholeNumber, yesOrNo } from '../url-values.ts';
import type { QueueNames } from './keys.ts';
import type { RedisListOptions } from './options.ts';
import { createRedisListTransport } from './redis-list.ts';

/** Opens the transport that a `redis+list:` or `rediss+list:` URL names. */
export function openRedisList(url: URL, topology: Topology): Transport {
  return createRedisListTransport(topology, listOptions(url));
}

export function listOptions(url: URL): RedisListOptions {
  const names = listNames(url);
  return {
    ...serverOptions(url),
    maxDepth: wholeNumber('maxDepth', url.searchParams.get('maxDepth') ?? '0'),
    blocking: yesOrNo('blocking', url.searchParams.get('blocking') ?? 'true'),
    ...(names && { names }),
  };
}

/** Of lists that are there already, for programs that are not ours. */
function listNames({ searchParams: query }: URL): QueueNames | undefined {
  const [queue, processing, dlq] = ['queue', 'processing', 'dlq'].map((name) => query.get(name) ?? undefined);
  if (queue === undefined && (processing ?? dlq) !== undefined) {
    throw new InvalidTransportUrl('processing and dlq are names beside queue: give queue too');
  }
  for (const [name, value] of Object.entries({ queue, processing, dlq })) {
    if (value === '') throw new InvalidTransportUrl(`${name} is empty: expected the key of a list`);
  }
  return queue === undefined ? undefined : { queue, ...(processing && { processing }), ...(dlq && { dlq }) };
}
