import * as z from 'zod';
import { createPublisher, defineMessage, openTransport, startWorker } from '../../../src/index.ts';
import { type Data, type Driver, dataOf } from '../driver.ts';

const Measured = defineMessage({
  name: 'measured',
  version: 1,
  schema: z.object({
    n: z.number(),
    model_name: z.string(),
    model_version: z.string(),
    metric_name: z.string(),
    value: z.number(),
  }),
});
const address = { topic: 'measured', subscription: 'bench' };
const topology = {
  prefix: 'bench',
  topics: [{ name: 'measured', subscriptions: [{ name: 'bench', leaseMs: 30_000, maxDeliveries: 25 }] }],
};
/** How many callers publish at once, each awaiting its own message before the next. */
const CALLERS = 1_000;

export const driver: Driver = {
  async produce(url, count) {
    const transport = await openTransport(url, topology);
    await transport.provision();
    const publisher = createPublisher({ transport, source: 'bench' });
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < count) await publisher.publish(Measured, dataOf(next++));
    };
    await Promise.all(Array.from({ length: CALLERS }, caller));
    await publisher.close();
    await transport.close();
  },
  async consume(url, count, onHandled) {
    const transport = await openTransport(url, topology);
    await transport.provision();
    const all = Promise.withResolvers<void>();
    let handled = 0;
    const worker = startWorker({
      transport,
      address,
      contract: Measured,
      concurrency: 500,
      handler: async ({ data }: { data: Data }) => {
        onHandled(data);
        if (++handled === count) all.resolve();
      },
    });
    await all.promise;
    return async () => {
      await worker.close({ deadlineMs: 1_000 });
      await transport.close();
    };
  },
};
