import type { Topology, Transport } from '../transport.ts';
import { createConnection, type SqsOptions } from './connection.ts';
import { createDeadLetterQueue } from './dead-letters.ts';
import { depth } from './depth.ts';
import { createDirectory } from './directory.ts';
import { LIMITS } from './limits.ts';
import { provision, verify } from './provision.ts';
import { receive } from './receive.ts';
import { send } from './send.ts';
import { extend, settle } from './settle.ts';

export type { SqsOptions } from './connection.ts';

/**
 * Carries messages over Amazon SQS, or an emulator: a queue and a dead-letter queue for each subscription, FIFO
 * queues for ordered topics and standard ones for the others. Accepted means stored by SQS on several servers, or by the emulator's own promise.
 *
 * Throws InvalidName for a topology whose names do not fit.
 */
export function createSqsTransport(topology: Topology, options: SqsOptions): Transport {
  const directory = createDirectory(topology);
  const connection = createConnection(options);
  return {
    name: 'sqs',
    limits: LIMITS,
    capabilities: new Set(['ordered', 'deduplicate']),
    keepsOrder: (topic) => directory.isOrdered(topic),
    // A FIFO queue delays no single message.
    countsPostponed: (topic) => directory.isOrdered(topic),
    maxDeliveries: (address) => directory.at(address).subscription.maxDeliveries,
    send: async (topic, messages, signal) => send(connection, directory.ofTopic(topic), messages, signal),
    receive: async (address, request) => receive(connection, directory.at(address).queue, request),
    settle: async (address, settlements) => settle(connection, directory.at(address), settlements),
    extend: async (address, receipts, leaseMs) =>
      extend(connection, directory.at(address), receipts, leaseMs),
    depth: async (address) => depth(connection, directory.at(address)),
    deadLetters: createDeadLetterQueue(connection, directory),
    provision: () => provision(connection, directory),
    verify: () => verify(connection, directory),
    close: () => connection.close(),
  };
}
