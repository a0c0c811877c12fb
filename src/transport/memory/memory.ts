import { TransportError } from '../errors.ts';
import { checkNames } from '../names.ts';
import { foreignReceipt, leaseLost, noSubscription, noSuchLetter, notFound, tooLarge } from '../refusals.ts';
import type {
  Address,
  DeadLetter,
  DeadLetterQueue,
  Headers,
  Limits,
  Outgoing,
  SettleOutcome,
  Topology,
  Transport,
} from '../transport.ts';
import { createMemoryBroadcast } from './broadcast.ts';
import { type Consumers, createConsumers } from './consumers.ts';
import { createQueue, Delivery, type Entry, type Queue } from './queue.ts';

const LIMITS: Limits = {
  sendEntries: 1_000,
  sendBytes: 64 * 1_048_576,
  // As on SQS, so that what is too large in the cloud is too large on the laptop.
  messageBytes: 1_048_576 - 16_384,
  publishDelayMs: 15 * 60_000,
  receiveEntries: 1_000,
  waitMs: 20_000,
  settleEntries: 1_000,
  retryDelayMs: 12 * 3_600_000,
  postponeDelayMs: 12 * 3_600_000,
  leaseMs: 12 * 3_600_000,
  granularityMs: 1,
};

/** One subscription: its queue, and what has been given up. */
interface Place {
  readonly queue: Queue;
  readonly consumers: Consumers;
  readonly dead: Map<DeadLetterReceipt, DeadLetter>;
  readonly maxDeliveries: number;
}

/** Stands for one dead letter; `leasedUntil` hides it from other scans. */
class DeadLetterReceipt {
  leasedUntil = 0;
}

/**
 * Carries messages within one process: for tests, for a laptop, and as the plainest reading of what a
 * transport has to do. Accepted means held in memory: everything is lost when the process ends.
 */
export function createMemoryTransport(topology: Topology): Transport {
  checkNames(topology);
  const topics = new Map<string, Map<string, Place>>(
    topology.topics.map((topic) => [
      topic.name,
      new Map(
        topic.subscriptions.map((subscription) => [
          subscription.name,
          createPlace(topic.ordered ?? false, subscription.maxDeliveries),
        ]),
      ),
    ]),
  );
  const orderedTopics = new Set(topology.topics.filter(({ ordered }) => ordered).map(({ name }) => name));
  let closed = false;

  function ensureOpen(): void {
    if (closed) throw new TransportError('Closed', 'the memory transport is closed');
  }

  function placesOf(topic: string): Map<string, Place> {
    ensureOpen();
    const places = topics.get(topic);
    if (places === undefined || places.size === 0) {
      throw new TransportError('NotFound', `topic ${topic} has no subscription`);
    }
    return places;
  }

  function placeAt({ topic, subscription }: Address): Place {
    const place = placesOf(topic).get(subscription);
    if (place === undefined) {
      throw noSubscription(topic, subscription);
    }
    return place;
  }

  const broadcast = createMemoryBroadcast(ensureOpen, (notice) => tooLarge(notice, LIMITS.messageBytes));
  const deadLetters: DeadLetterQueue = {
    async scan(address, { max, leaseMs }) {
      const now = performance.now();
      const page: DeadLetter[] = [];
      for (const [receipt, letter] of placeAt(address).dead) {
        if (page.length >= max) break;
        if (receipt.leasedUntil > now) continue;
        receipt.leasedUntil = now + leaseMs;
        page.push(letter);
      }
      return page;
    },
    async replay(address, letters) {
      const { dead, queue } = placeAt(address);
      return letters.map(({ letter, headers }) => {
        if (!take(dead, letter)) return gone(letter);
        const { id, body, key } = letter;
        queue.add({ id, body, headers, ...(key !== undefined && { key }) }, Date.now());
        return 'settled';
      });
    },
    async purge(address, letters) {
      const { dead } = placeAt(address);
      return letters.map((letter) => (take(dead, letter) ? 'settled' : gone(letter)));
    },
    async release(address, letters) {
      const { dead } = placeAt(address);
      return letters.map((letter) => {
        if (!(letter.receipt instanceof DeadLetterReceipt) || !dead.has(letter.receipt)) return gone(letter);
        letter.receipt.leasedUntil = 0;
        return 'settled';
      });
    },
  };

  return {
    name: 'memory',
    limits: LIMITS,
    capabilities: new Set(['ordered', 'consumers', 'broadcast']),
    keepsOrder: (topic) => orderedTopics.has(topic),
    maxDeliveries: (address) => placeAt(address).maxDeliveries,

    async send(topic, messages) {
      const places = placesOf(topic);
      const enqueuedAt = Date.now();
      return messages.map((message) => {
        const error =
          tooLarge(message, LIMITS.messageBytes) ??
          noDelay(orderedTopics, topic, message) ??
          notFound(topic, message.only, (name) => places.has(name));
        if (error !== undefined) return { error };
        for (const [name, place] of places) {
          if (message.only === undefined || message.only.includes(name)) place.queue.add(message, enqueuedAt);
        }
        return 'accepted';
      });
    },

    async receive(address, { max, waitMs, leaseMs, consumer, signal }) {
      const { queue, consumers } = placeAt(address);
      const deadline = performance.now() + waitMs;
      for (;;) {
        ensureOpen();
        if (signal?.aborted) return [];
        consumers.saw(consumer);
        const taken = queue.take(max, leaseMs, consumer);
        const left = deadline - performance.now();
        if (taken.length > 0 || left <= 0) return taken;
        await queue.wait(left, signal);
      }
    },

    async settle(address, settlements) {
      const { queue, consumers, dead } = placeAt(address);
      return settlements.map((settlement): SettleOutcome => {
        const delivery = settlement.receipt;
        if (!(delivery instanceof Delivery)) return foreignReceipt('memory');
        consumers.saw(delivery.consumer);
        if (!queue.settle(delivery, settlement)) return leaseLost(delivery.entry.id);
        if (settlement.action === 'deadLetter') keep(dead, delivery.entry, settlement.headers);
        return 'settled';
      });
    },

    async extend(address, receipts, leaseMs) {
      const { queue, consumers } = placeAt(address);
      return receipts.map((delivery): SettleOutcome => {
        if (!(delivery instanceof Delivery)) return foreignReceipt('memory');
        consumers.saw(delivery.consumer);
        return queue.extend(delivery, leaseMs) ? 'settled' : leaseLost(delivery.entry.id);
      });
    },

    async depth(address) {
      const { queue, dead } = placeAt(address);
      return { ...queue.depth(), dead: dead.size };
    },

    async consumers(address) {
      const { queue, consumers } = placeAt(address);
      return consumers.list(queue.held());
    },

    deadLetters,
    broadcast,
    async provision() {
      ensureOpen();
    },
    async verify() {
      ensureOpen();
    },
    async close() {
      closed = true;
      broadcast.close();
      for (const places of topics.values()) for (const { queue } of places.values()) queue.wakeAll();
    },
  };
}

function createPlace(ordered: boolean, maxDeliveries: number): Place {
  const dead: Place['dead'] = new Map();
  const queue = createQueue({ ordered, maxDeliveries, onGivenUp: (entry) => keep(dead, entry, {}) });
  return { queue, consumers: createConsumers(), dead, maxDeliveries };
}

function keep(dead: Place['dead'], entry: Entry, added: Headers): void {
  const { id, body, headers, key, enqueuedAt } = entry;
  const receipt = new DeadLetterReceipt();
  const letter = { id, body, headers: { ...headers, ...added }, enqueuedAt, receipt };
  dead.set(receipt, key === undefined ? letter : { ...letter, key });
}

function take(dead: Place['dead'], { receipt }: DeadLetter): boolean {
  return receipt instanceof DeadLetterReceipt && dead.delete(receipt);
}

function gone({ id, receipt }: DeadLetter): TransportError {
  if (!(receipt instanceof DeadLetterReceipt)) return foreignReceipt('memory');
  return noSuchLetter(id);
}

function noDelay(
  ordered: ReadonlySet<string>,
  topic: string,
  { id, delayMs = 0 }: Outgoing,
): TransportError | undefined {
  if (delayMs <= 0 || !ordered.has(topic)) return undefined;
  return new TransportError(
    'Unsupported',
    `message ${id} asks for a delay, and topic ${topic} is ordered: what is delayed would be overtaken`,
  );
}
