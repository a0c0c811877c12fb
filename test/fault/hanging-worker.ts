import * as z from 'zod/mini';
import { startWorker } from '../../src/consume/worker.ts';
import { defineMessage } from '../../src/message/contract.ts';
import { openTransport } from '../../src/transport/url.ts';

/** A worker that begins on 50 messages and ends none: `node hanging-worker.ts <transport url> <lease in ms>`. */
const [url = '', leaseMs = ''] = process.argv.slice(2);
const subscriptions = [{ name: 'test', leaseMs: 30_000, maxDeliveries: 25 }];
let begun = 0;
startWorker({
  transport: await openTransport(url, { prefix: 'test', topics: [{ name: 'ping', subscriptions }] }),
  address: { topic: 'ping', subscription: 'test' },
  contract: defineMessage({ name: 'ping', version: 1, schema: z.object({ n: z.number() }) }),
  concurrency: 50,
  leaseMs: Number(leaseMs),
  handler: () => {
    begun++;
    console.log(`begun ${begun}`);
    return new Promise(() => {});
  },
});
