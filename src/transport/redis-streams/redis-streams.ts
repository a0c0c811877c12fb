import { randomBytes } from 'node:crypto';
import { TransportError } from '../errors.ts';
import { createConnection, createSendingConnection } from '../redis/connection.ts';
import { LIMITS } from '../redis/limits.ts';
import { depthOf } from '../redis/replies.ts';
import { unlessAborted } from '../redis/unless-aborted.ts';
import { LONGEST_QUIET, type Receiver } from '../redis/waiting.ts';
import { warnings } from '../redis/warnings.ts';
import type { Address, History, Incoming, Topology, Transport } from '../transport.ts';
import { listConsumers } from './consumers.ts';
import { createDeadLetterQueue } from './dead-letters.ts';
import { forEachOwner } from './each-owner.ts';
import { provision, verify, withGroups } from './groups.ts';
import { createHistory } from './history.ts';
import { type Layout, OWN_LAYOUT } from './layout.ts';
import type { RedisStreamsOptions } from './options.ts';
import { createReceiver } from './receive.ts';
import { extend, settle } from './settle.ts';

/**
 * Carries messages over Redis Streams: a stream for each topic, a consumer group for each subscription. What
 * is retried, delayed, given back, replayed or meant for some subscriptions only is held apart, for its
 * subscription alone. Accepted means stored by Redis, by its own settings for fsync and replication.
 *
 * Throws InvalidName for a topology whose names do not fit.
 */
export function createRedisStreamsTransport(
  topology: Topology,
  options: RedisStreamsOptions,
  layout: Layout = OWN_LAYOUT,
): Transport {
  const directory = layout.directory(topology);
  const connection = createConnection(options);
  const sending = createSendingConnection(options, connection);
  const deadLetters = createDeadLetterQueue({ connection, directory, letters: layout.letters, ensureOpen });
  const history = createHistory(connection, directory, ensureOpen);
  /** Without retention an entry is gone as soon as all are done with it. */
  const keepsHistory = options.retentionMs > 0;
  const receivers = new Map<string, Receiver>();
  /** Sets this transport's consumers that do not name themselves apart from all others. */
  const instance = randomBytes(9).toString('base64url');
  let closing: Promise<void> | undefined;

  function ensureOpen(): void {
    if (closing !== undefined) throw new TransportError('Closed', 'the redis transport is closed');
  }

  function receiverAt(address: Address): Receiver {
    const { topic, subscription } = directory.at(address);
    const known = receivers.get(subscription.keys.waiting);
    if (known !== undefined) return known;
    const receiver = createReceiver({
      connection,
      connectBlocking: () => createConnection(options, LONGEST_QUIET).at(subscription.keys.stream),
      topic,
      subscription,
      options,
      instance,
      giveBack: async (received) => {
        await settle(connection, subscription, received.map(released), options.retentionMs, layout);
      },
      layout,
      ensureOpen,
    });
    receivers.set(subscription.keys.waiting, receiver);
    return receiver;
  }

  return {
    name: 'redis',
    limits: LIMITS,
    capabilities: new Set(keepsHistory ? ['consumers', 'history'] : ['consumers']),

    async send(topic, messages, signal) {
      ensureOpen();
      const sent = layout.send(sending, directory.ofTopic(topic), messages, options);
      return signal === undefined ? sent : await unlessAborted(sent, signal);
    },

    async receive(address, request) {
      ensureOpen();
      return receiverAt(address).receive({ ...request, leaseMs: Math.ceil(request.leaseMs) });
    },

    async settle(address, settlements) {
      ensureOpen();
      const receiver = receiverAt(address);
      const { subscription } = directory.at(address);
      for (const settlement of settlements) {
        if ('delayMs' in settlement) receiver.expect(settlement.delayMs);
        else if (settlement.action === 'release') receiver.expect(0);
      }
      return settle(connection, subscription, settlements, options.retentionMs, layout);
    },

    async extend(address, receipts, ms) {
      ensureOpen();
      const { subscription } = directory.at(address);
      // It stands in a consumer's name, whose last part is read as a whole number.
      const leaseMs = Math.ceil(ms);
      return forEachOwner(receipts, instance, (owner, owned) =>
        extend(connection, subscription, owned, { consumer: `${owner}.${leaseMs}`, leaseMs }),
      );
    },

    async depth(address) {
      ensureOpen();
      const { topic, subscription } = directory.at(address);
      const { stream, waiting, leased, shown, dead: letters, lots } = subscription.keys;
      const reply = await withGroups(connection, topic, () =>
        connection.run(layout.depth, [stream, waiting, leased, shown, letters, lots], [subscription.name]),
      );
      return depthOf(reply);
    },

    async consumers(address) {
      ensureOpen();
      const { topic, subscription } = directory.at(address);
      return listConsumers(connection, topic, subscription);
    },

    deadLetters: {
      ...deadLetters,
      async replay(address, letters) {
        receiverAt(address).expect(0);
        return deadLetters.replay(address, letters);
      },
    },

    ...(keepsHistory && {
      history: {
        ...history,
        async replay(address, messages) {
          receiverAt(address).expect(0);
          return history.replay(address, messages);
        },
      } satisfies History,
    }),

    async provision() {
      ensureOpen();
      await provision(connection, directory);
    },

    async verify() {
      ensureOpen();
      await verify(connection, directory);
    },

    async warnings() {
      ensureOpen();
      return warnings(
        connection,
        directory.topics.map(({ stream }) => stream),
        options.waitReplicas,
      );
    },

    close() {
      closing ??= Promise.all(Array.from(receivers.values(), (receiver) => receiver.close())).then(() => {
        sending.close();
        connection.close();
      });
      return closing;
    },
  };
}

function released({ receipt }: Incoming): { readonly receipt: object; readonly action: 'release' } {
  return { receipt, action: 'release' };
}
