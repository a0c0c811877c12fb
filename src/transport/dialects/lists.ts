import { type Connection, createConnection } from '../redis/connection.ts';
import { defineScript } from '../redis/script.ts';
import { type QueueKeys, queueKeys } from '../redis-list/keys.ts';
import type { RedisListOptions } from '../redis-list/options.ts';
import { createRedisListTransport } from '../redis-list/redis-list.ts';
import { MAY } from '../redis-list/scripts/shared.ts';
import { InvalidTransportUrl } from '../schemes.ts';
import type { Address, Outgoing, SendOutcome, Topology, Transport } from '../transport.ts';
import type { ListSystem } from './systems.ts';

/** How long a consumer waits at its queue, from where it does not see what is urgent. In ms. */
const LONGEST_WAIT = 500;

/**
 * Carries messages over the lists of programs that are not ours. What ours keep beside them stands under our prefix.
 *
 * @throws InvalidTransportUrl for a topic with several subscriptions: theirs push each message once.
 */
export function createDialectLists(
  system: ListSystem,
  topology: Topology,
  options: RedisListOptions,
): Transport {
  const several = topology.topics.find(({ subscriptions }) => subscriptions.length > 1);
  if (several !== undefined) {
    throw new InvalidTransportUrl(
      `topic ${several.name} has ${several.subscriptions.length} subscriptions, and the dialect ${system.name} has one list for it: leave one`,
    );
  }
  const { names, ...rest } = options;
  if (names !== undefined && topology.topics.length > 1) {
    throw new InvalidTransportUrl(
      `queue=${names.queue} names one list, and the config has ${topology.topics.length} topics: leave queue away, or give a config with one`,
    );
  }

  function keysOf({ topic, subscription }: Address): QueueKeys {
    const own = queueKeys(topology.prefix, { topic, subscription });
    const { queue, processing, dlq } = system.names(topic);
    return {
      ...own,
      queue: names?.queue ?? queue,
      processing: names?.processing ?? (names && `${names.queue}:processing`) ?? processing ?? own.processing,
      dead: names?.dlq ?? (names && `${names.queue}:dlq`) ?? dlq,
    };
  }

  const base = createRedisListTransport(topology, { ...rest, keysOf }, system.dialect);

  /** Asks for the keys of each subscription together, which a cluster refuses: theirs and ours are not on one node. */
  async function expectOneNode(): Promise<void> {
    for (const { name: topic, subscriptions } of topology.topics) {
      for (const { name: subscription } of subscriptions) await base.depth({ topic, subscription });
    }
  }

  const connection = createConnection(options);
  return {
    ...base,

    async send(topic, messages, signal) {
      const outcomes = await base.send(topic, messages, signal);
      await tell(system, connection, topic, { messages, outcomes, channel: channelOf(topic) });
      return outcomes;
    },

    async receive(address, request) {
      if (system.urgent === undefined) return base.receive(address, request);
      const { list, jobType } = system.urgent;
      const deadline = performance.now() + request.waitMs;
      for (;;) {
        const { queue } = keysOf(address);
        await connection.run(HURRY, [list, queue], [jobType(address.topic), request.max]);
        const left = Math.max(0, deadline - performance.now());
        const received = await base.receive(address, { ...request, waitMs: Math.min(left, LONGEST_WAIT) });
        if (received.length > 0 || left <= LONGEST_WAIT || request.signal?.aborted) return received;
      }
    },

    async provision() {
      await base.provision();
      await expectOneNode();
    },

    async verify() {
      await base.verify();
      await expectOneNode();
    },

    async close() {
      await base.close();
      connection.close();
    },
  };

  function channelOf(topic: string): string {
    const { queue } = system.names(topic);
    return `${names?.queue ?? queue}:pubsub`;
  }
}

/** To whoever listens, beside the queue. What is accepted stays so when nobody can be told. */
async function tell(
  { notice }: ListSystem,
  connection: Connection,
  topic: string,
  sent: {
    readonly messages: readonly Outgoing[];
    readonly outcomes: readonly SendOutcome[];
    readonly channel: string;
  },
): Promise<void> {
  if (notice === undefined) return;
  const now = Date.now();
  await Promise.all(
    sent.messages.map(async (message, index) => {
      if (sent.outcomes[index] !== 'accepted') return;
      const text = notice(message, { topic, now });
      await connection.call('PUBLISH', sent.channel, text).catch(() => undefined);
    }),
  );
}

/**
 * Moves urgent jobs of a type to where they are taken next, in their order. KEYS: the urgent list, the queue. ARGV: the
 * type, most. What is no job stays.
 */
const HURRY = defineScript(
  MAY,
  `
local refused = refusal('LREM', KEYS[1], 0, '') or refusal('RPUSH', KEYS[2], '')
if refused then return refused end
local WINDOW = 1000
local moved, page = {}, redis.call('LRANGE', KEYS[1], -WINDOW, -1)
for i = #page, 1, -1 do
  if #moved == tonumber(ARGV[2]) then break end
  local read, job = pcall(cjson.decode, page[i])
  if read and type(job) == 'table' and job.job_type == ARGV[1] then moved[#moved + 1] = page[i] end
end
-- Nothing may fail once something has moved: this does where the queue is no list.
redis.call('LLEN', KEYS[2])
for i = #moved, 1, -1 do
  -- Removed first: only a script that has written may write more once the memory is full.
  redis.call('LREM', KEYS[1], -1, moved[i])
  redis.call('RPUSH', KEYS[2], moved[i])
end
return #moved`,
);
