import { randomBytes } from 'node:crypto';
import type { Dialect } from '../dialects/dialect.ts';
import { TransportError } from '../errors.ts';
import { createConnection, createSendingConnection } from '../redis/connection.ts';
import { LIMITS } from '../redis/limits.ts';
import { depthOf } from '../redis/replies.ts';
import { unlessAborted } from '../redis/unless-aborted.ts';
import { LONGEST_QUIET, type Receiver } from '../redis/waiting.ts';
import { warnings } from '../redis/warnings.ts';
import type { Address, Topology, Transport } from '../transport.ts';
import { createServerClock } from './clock.ts';
import { listConsumers } from './consumers.ts';
import { createDeadLetterQueue } from './dead-letters.ts';
import { createDirectory, type Queue } from './directory.ts';
import { FRAMED } from './frame.ts';
import type { RedisListOptions } from './options.ts';
import { provision, verify, withQueues } from './queues.ts';
import { createReceiver } from './receive.ts';
import { DEPTH } from './scripts/operate.ts';
import { send } from './send.ts';
import { extend, settle } from './settle.ts';

/**
 * Carries messages over Redis lists, the reliable queue that any program can take part in: a list for each
 * subscription, pushed to at the left; what is taken moves from its right end to a list of what is in process, one for all that other
 * programs take and one for each lease of ours, and is removed from there when it is done. Leases, delays and delivery counts stand
 * beside it. Accepted means stored by Redis, by its own settings for fsync and replication.
 *
 * Throws InvalidName for a topology whose names do not fit, and InvalidTransportUrl where the lists' own names are
 * not for it.
 *
 * @param dialect How a message lies in an entry.
 */
export function createRedisListTransport(
  topology: Topology,
  options: RedisListOptions,
  dialect: Dialect<string> = FRAMED,
): Transport {
  const directory = createDirectory(topology, options.names, options.keysOf);
  const connection = createConnection(options);
  const sending = createSendingConnection(options, connection);
  const clock = createServerClock(connection);
  const receivers = new Map<Queue, Receiver>();
  const instance = randomBytes(9).toString('base64url');
  let number = 0;
  let closing: Promise<void> | undefined;

  function ensureOpen(): void {
    if (closing !== undefined) throw new TransportError('Closed', 'the redis+list transport is closed');
  }

  function receiverAt(address: Address): Receiver {
    const queue = directory.at(address);
    const known = receivers.get(queue);
    if (known !== undefined) return known;
    const receiver = createReceiver({
      connection,
      connectBlocking: () => createConnection(options, LONGEST_QUIET).at(queue.keys.queue),
      clock,
      queue,
      dialect,
      options,
      instance,
      nextNumber: () => ++number,
      ensureOpen,
    });
    receivers.set(queue, receiver);
    return receiver;
  }

  return {
    name: 'redis+list',
    limits: LIMITS,
    capabilities: new Set(['consumers']),

    async send(topic, messages, signal) {
      ensureOpen();
      const { maxDepth } = options;
      const sender = { connection: sending, clock, dialect, maxDepth };
      const sent = send(sender, directory.ofTopic(topic), messages);
      return signal === undefined ? sent : await unlessAborted(sent, signal);
    },

    async receive(address, request) {
      ensureOpen();
      return receiverAt(address).receive(request);
    },

    async settle(address, settlements) {
      ensureOpen();
      const receiver = receiverAt(address);
      for (const settlement of settlements) {
        if ('delayMs' in settlement) receiver.expect(settlement.delayMs);
      }
      return settle({ connection, clock, dialect }, directory.at(address), settlements);
    },

    async extend(address, receipts, leaseMs) {
      ensureOpen();
      // The consumer that holds the old one holds the new one.
      const nextToken = (id: string): string => id.replace(/[\w-]+\.\d+\.\d+$/, `${instance}.${++number}`);
      return extend(connection, directory.at(address), receipts, { leaseMs, nextToken });
    },

    async depth(address) {
      ensureOpen();
      const queue = directory.at(address);
      const { queue: main, processing, dead: letters, delayed: later, leases, lots } = queue.keys;
      const reply = await withQueues(connection, [queue], () =>
        connection.run(DEPTH, [main, processing, letters, later, leases, lots], []),
      );
      return depthOf(reply);
    },

    async consumers(address) {
      ensureOpen();
      return listConsumers(connection, directory.at(address));
    },

    deadLetters: createDeadLetterQueue({ connection, clock, directory, dialect, ensureOpen }),

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
        directory.topics.flatMap(([queue]) => (queue ? [queue.keys.queue] : [])),
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
