/** What docs/how-to/library.md shows, as a program: node examples/library.ts */
import * as z from 'zod/mini';
import {
  createPublisher,
  createSpy,
  defineMessage,
  openTransport,
  Reject,
  startWorker,
} from '../src/index.ts';

const OrderPlaced = defineMessage({
  name: 'order_placed',
  version: 1,
  schema: z.object({ order: z.string(), cents: z.number() }),
});

const topology = {
  prefix: 'shop',
  topics: [{ name: 'order_placed', subscriptions: [{ name: 'mail', leaseMs: 30_000, maxDeliveries: 25 }] }],
};

const transport = await openTransport(process.env['TRANSPORT_URL'] ?? 'memory:', topology);
await transport.provision();

const spy = createSpy();
const worker = startWorker({
  transport,
  address: { topic: 'order_placed', subscription: 'mail' },
  contract: OrderPlaced,
  handler: async ({ data }, { attempt, signal }) => {
    if (data.cents <= 0) throw new Reject('nothing to pay');
    console.log(`order ${data.order}, attempt ${attempt}, aborted ${signal.aborted}`);
  },
});

const publisher = createPublisher({ transport, source: 'shop' });
await publisher.publish(OrderPlaced, { order: 'o-1', cents: 1200 }, { key: 'customer-7' });
const { id } = await publisher.publish(OrderPlaced, { order: 'o-2', cents: 0 });
const given = await spy.waitFor('dead_lettered', { id });
console.log(`order o-2 given up: ${given.code}, ${given.error}`);
await spy.waitFor('handled', { topic: 'order_placed' });

spy.close();
await publisher.close();
await worker.close({ deadlineMs: 1_000 });
await transport.close();
