import { Queue, Worker } from 'bullmq';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../in-turn.ts';
import { type Event, eventOf, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { addressOf } from './address.ts';

const NAME = 'measured';
const settings = settingsOf(import.meta.url, { concurrency: 100, workers: 2, bulk: 500, lanes: 2 });
/** `addBulk` of so many, so many calls at once. */
const BULK = { size: settings.bulk, lanes: settings.lanes };

export const driver: Driver = {
  async openProducer(url) {
    const queue = new Queue<Event>(NAME, {
      connection: addressOf(url),
      defaultJobOptions: { removeOnComplete: true },
    });
    await queue.waitUntilReady();
    const add = (events: Event[]): Promise<unknown> =>
      queue.addBulk(events.map((data) => ({ name: data.type, data })));
    return {
      saturate: (from, count) =>
        inBatches(BULK, from, count, (start, size) => add(range(start, size).map(eventOf))),
      send: (messages) => add(messages.map(eventOf)).then(() => undefined),
      close: () => queue.close(),
    };
  },
  async openConsumer(url, onMessage) {
    const workers = Array.from(
      { length: settings.workers },
      () =>
        new Worker<Event>(NAME, async ({ data }) => onMessage(data.data), {
          connection: { ...addressOf(url), maxRetriesPerRequest: null },
          concurrency: settings.concurrency,
        }),
    );
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    return {
      async close() {
        await Promise.all(workers.map((worker) => worker.close()));
      },
    };
  },
  async left(url) {
    const queue = new Queue(NAME, { connection: addressOf(url) });
    const counts = await queue.getJobCounts();
    await queue.close();
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  },
};
