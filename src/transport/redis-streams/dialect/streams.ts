import { randomBytes } from 'node:crypto';
import type { StreamSystem } from '../../dialects/systems.ts';
import { TransportError } from '../../errors.ts';
import { createConnection } from '../../redis/connection.ts';
import { isCrossSlot } from '../../redis/errors.ts';
import { LIMITS } from '../../redis/limits.ts';
import { integer, list } from '../../redis/replies.ts';
import { unlessAborted } from '../../redis/unless-aborted.ts';
import type { Address, Depth, Topology, Transport } from '../../transport.ts';
import { withGroups } from '../groups.ts';
import type { RedisStreamsOptions } from '../options.ts';
import { createRedisStreamsTransport } from '../redis-streams.ts';
import { createNativeDeadLetters } from './dead-letters.ts';
import { dialectLayout } from './layout.ts';
import { DEPTH_OF_FIELDS } from './scripts.ts';
import { sendFields } from './send.ts';

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
  const layout = dialectLayout(system);
  const { history: _, ...base } = createRedisStreamsTransport(topology, options, layout);
  const connection = createConnection(options);
  const directory = layout.directory(topology);
  const instance = randomBytes(9).toString('base64url');

  async function depth(address: Address): Promise<Depth> {
    const { topic, subscription } = directory.at(address);
    const { stream, waiting, leased, shown, dead: letters } = subscription.keys;
    const reply = await withGroups(connection, topic, () =>
      connection.run(DEPTH_OF_FIELDS, [stream, waiting, leased, shown, letters], [subscription.name]),
    );
    const [ready, inFlight, delayed, dead] = list(reply).map(integer);
    return { ready: ready ?? 0, inFlight: inFlight ?? 0, delayed: delayed ?? 0, dead: dead ?? 0 };
  }

  /** Asks for all keys of each subscription together, which a cluster refuses. */
  async function expectOneNode(): Promise<void> {
    for (const { name, subscriptions } of topology.topics) {
      for (const subscription of subscriptions) await depth({ topic: name, subscription: subscription.name });
    }
  }

  async function onOneNode<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TransportError) || !isCrossSlot(error.cause)) throw error;
      throw new TransportError(
        'Unsupported',
        `${connection.place} is a cluster, which keeps the streams of others and what is kept beside them apart: the dialect ${system.name} needs a server that is none`,
        { cause: error },
      );
    }
  }

  return {
    ...base,
    limits: { ...LIMITS, publishDelayMs: 0 },
    capabilities: new Set(['consumers']),

    async send(topic, messages, signal) {
      const sending = onOneNode(() =>
        sendFields(system, connection, directory.ofTopic(topic), messages, options),
      );
      return signal === undefined ? sending : await unlessAborted(sending, signal);
    },

    // What consumers are called tells them from those of others.
    receive: (address, request) => onOneNode(() => base.receive(address, { consumer: instance, ...request })),

    depth: (address) => onOneNode(() => depth(address)),

    deadLetters: createNativeDeadLetters(system, connection, directory),

    async provision() {
      await base.provision();
      await onOneNode(expectOneNode);
    },

    async verify() {
      await base.verify();
      await onOneNode(expectOneNode);
    },

    async close() {
      connection.close();
      await base.close();
    },
  };
}
