import { createPublisher, openTransport, startWorker } from '../src/index.ts';
import type { Driver } from './driver.ts';
import { inLanes } from './lanes.ts';
import { Measured } from './measured.ts';
import { type Data, dataOf } from './message.ts';

const address = { topic: 'measured', subscription: 'bench' };
const topology = {
  prefix: 'bench',
  topics: [{ name: 'measured', subscriptions: [{ name: 'bench', leaseMs: 30_000, maxDeliveries: 25 }] }],
};

export interface HikyakuOptions {
  readonly concurrency: number;
  /** How many callers publish at once, each awaiting its own message before the next. */
  readonly callers: number;
}

/** Ours, as a user has it: contract on, every publish awaited by itself, a handler for each message. */
export function hikyakuDriver({ concurrency, callers }: HikyakuOptions): Driver {
  return {
    async openProducer(url) {
      const transport = await openTransport(url, topology);
      await transport.provision();
      const publisher = createPublisher({ transport, source: 'bench' });
      return {
        saturate: (from, count) =>
          inLanes(callers, count, (n) => publisher.publish(Measured, dataOf(from + n))),
        async send(messages) {
          await Promise.all(messages.map((data) => publisher.publish(Measured, data)));
        },
        async close() {
          await publisher.close();
          await transport.close();
        },
      };
    },
    async openConsumer(url, onMessage) {
      const transport = await openTransport(url, topology);
      await transport.provision();
      const worker = startWorker({
        transport,
        address,
        contract: Measured,
        concurrency,
        handler: async ({ data }: { data: Data }) => onMessage(data),
      });
      return {
        async close() {
          await worker.close();
          await transport.close();
        },
      };
    },
    async left(url) {
      const transport = await openTransport(url, topology);
      const { ready, inFlight, delayed, dead } = await transport.depth(address);
      await transport.close();
      return ready + inFlight + delayed + dead;
    },
  };
}
