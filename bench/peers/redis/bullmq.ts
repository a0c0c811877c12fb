import { type ConnectionOptions, createNodeRedisClient, Queue, Worker } from 'bullmq';
import { createClient } from 'redis';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../lanes.ts';
import { type Event, eventOf, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { addressOf } from './address.ts';

const NAME = 'measured';
const settings = settingsOf(import.meta.url, {
  concurrency: 100,
  workers: 2,
  bulk: 1_000,
  lanes: 2,
  /** Whether it runs on its adapter of node-redis instead of on ioredis. */
  nodeRedis: 0,
});
/** `addBulk` of so many, so many calls at once. */
const BULK = { size: settings.bulk, lanes: settings.lanes };

interface Connection {
  readonly connection: ConnectionOptions;
  /** Ends what BullMQ has been given and so does not end itself. */
  end(): Promise<void>;
}

async function connect(url: string): Promise<Connection> {
  if (settings.nodeRedis === 0) {
    return { connection: { ...addressOf(url), maxRetriesPerRequest: null }, end: async () => undefined };
  }
  const client = createClient({ url });
  await client.connect();
  return { connection: createNodeRedisClient(client), end: () => client.close() };
}

export const driver: Driver = {
  async openProducer(url) {
    const { connection, end } = await connect(url);
    const queue = new Queue<Event>(NAME, { connection, defaultJobOptions: { removeOnComplete: true } });
    await queue.waitUntilReady();
    const add = (events: Event[]): Promise<unknown> =>
      queue.addBulk(events.map((data) => ({ name: data.type, data })));
    return {
      saturate: (from, count) =>
        inBatches(BULK, from, count, (start, size) => add(range(start, size).map(eventOf))),
      async send(messages) {
        const [only] = messages;
        if (messages.length === 1 && only !== undefined) await queue.add(NAME, eventOf(only));
        else await add(messages.map(eventOf));
      },
      async close() {
        await queue.close();
        await end();
      },
    };
  },
  async openConsumer(url, onMessage) {
    const workers = await Promise.all(
      Array.from({ length: settings.workers }, async () => {
        const { connection, end } = await connect(url);
        const worker = new Worker<Event>(NAME, async ({ data }) => onMessage(data.data), {
          connection,
          concurrency: settings.concurrency,
        });
        await worker.waitUntilReady();
        return { worker, end };
      }),
    );
    return {
      async close() {
        for (const { worker, end } of workers) {
          await worker.close();
          await end();
        }
      },
    };
  },
  async left(url) {
    const { connection, end } = await connect(url);
    const queue = new Queue(NAME, { connection });
    const counts = await queue.getJobCounts();
    await queue.close();
    await end();
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  },
};
