import { randomBytes } from 'node:crypto';
import type { StreamSystem } from '../../dialects/systems.ts';
import { TransportError } from '../../errors.ts';
import { isCrossSlot } from '../../redis/errors.ts';
import { LIMITS } from '../../redis/limits.ts';
import { placeOf } from '../../redis/server.ts';
import type { Topology, Transport } from '../../transport.ts';
import type { RedisStreamsOptions } from '../options.ts';
import { createRedisStreamsTransport } from '../redis-streams.ts';
import { dialectLayout } from './layout.ts';

/** In ms: no entry is so old. Theirs reads what ours is done with, so nothing is freed unless that is asked for. */
const FOR_EVER = 30 * 365 * 86_400_000;

/**
 * Carries messages over the streams of programs that are not ours, as they read and write them. Entries stay there, for
 * they are theirs, or as long as `retentionMs` says and every group needs them.
 *
 * Throws InvalidName for a topology whose names do not fit.
 */
export function createDialectStreams(
  system: StreamSystem,
  topology: Topology,
  given: RedisStreamsOptions,
): Transport {
  const options = { ...given, retentionMs: given.retentionMs || FOR_EVER };
  const { history: _, ...base } = createRedisStreamsTransport(topology, options, dialectLayout(system));
  const instance = randomBytes(9).toString('base64url');

  /** Asks for all keys of each subscription together, which a cluster refuses. */
  async function expectOneNode(): Promise<void> {
    for (const { name: topic, subscriptions } of topology.topics) {
      for (const { name: subscription } of subscriptions) await base.depth({ topic, subscription });
    }
  }

  async function onOneNode<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransportError) || !isCrossSlot(error.cause)) throw error;
      throw new TransportError(
        'Unsupported',
        `${placeOf(options)} is a cluster, which keeps the streams of others and what is kept beside them apart: the dialect ${system.name} needs a server that is none`,
        { cause: error },
      );
    }
  }

  return {
    ...base,
    limits: { ...LIMITS, publishDelayMs: 0 },
    capabilities: new Set(['consumers']),

    send: (topic, messages, signal) => onOneNode(() => base.send(topic, messages, signal)),

    // What consumers are called tells them from those of others.
    receive: (address, request) => onOneNode(() => base.receive(address, { consumer: instance, ...request })),

    depth: (address) => onOneNode(() => base.depth(address)),

    async provision() {
      await base.provision();
      await onOneNode(expectOneNode);
    },

    async verify() {
      await base.verify();
      await onOneNode(expectOneNode);
    },
  };
}
