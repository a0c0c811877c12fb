import Queue from 'bee-queue';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../lanes.ts';
import { type Event, eventOf, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { addressOf } from './address.ts';

const NAME = 'measured';
const settings = settingsOf(import.meta.url, { concurrency: 200, bulk: 500, lanes: 2 });
/** `saveAll` of so many, so many calls at once. */
const BULK = { size: settings.bulk, lanes: settings.lanes };

/** No events, no job kept, no delayed jobs looked for: what its documents advise for throughput. */
function open(url: string, isWorker: boolean): Queue<Event> {
  return new Queue<Event>(NAME, {
    redis: addressOf(url),
    isWorker,
    getEvents: false,
    sendEvents: false,
    storeJobs: false,
    removeOnSuccess: true,
    activateDelayedJobs: false,
  });
}

export const driver: Driver = {
  async openProducer(url) {
    const queue = open(url, false);
    await queue.ready();
    async function save(events: Event[]): Promise<void> {
      const errors = await queue.saveAll(events.map((event) => queue.createJob(event)));
      for (const error of errors.values()) throw error;
    }
    return {
      saturate: (from, count) =>
        inBatches(BULK, from, count, (start, size) => save(range(start, size).map(eventOf))),
      send: (messages) => save(messages.map(eventOf)),
      close: () => queue.close(),
    };
  },
  async openConsumer(url, onMessage) {
    const queue = open(url, true);
    await queue.ready();
    queue.process(settings.concurrency, async ({ data }) => onMessage(data.data));
    return { close: () => queue.close() };
  },
  async left(url) {
    const queue = open(url, false);
    const { waiting, active, succeeded, failed, delayed } = await queue.checkHealth();
    await queue.close();
    return waiting + active + succeeded + failed + delayed;
  },
};
