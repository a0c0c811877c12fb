/**
 * SQS API requests for each message at saturation: send, receive and delete, counted at the server. Free of
 * noise: nothing is timed. 0.30 is the floor of batches of ten.
 */
import { channel } from 'node:diagnostics_channel';
import { IncomingMessage } from 'node:http';
import * as z from 'zod/mini';
import { startWorker } from '../src/consume/worker.ts';
import { startEmulator } from '../src/dev/emulator.ts';
import { defineMessage } from '../src/message/contract.ts';
import { createPublisher } from '../src/publish/publisher.ts';
import { openTransport } from '../src/transport/url.ts';
import { describeMachine } from './machine.ts';

const Counted = defineMessage({ name: 'counted', version: 1, schema: z.object({ n: z.number() }) });
const address = { topic: 'counted', subscription: 'bench' };
const MESSAGES = 5_000;
const BUDGET = 0.31;

const requests = new Map<string, number>();
channel('http.server.request.start').subscribe((message) => {
  if (typeof message !== 'object' || message === null || !('request' in message)) return;
  const { request } = message;
  if (!(request instanceof IncomingMessage)) return;
  const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
  requests.set(action, (requests.get(action) ?? 0) + 1);
});

const emulator = await startEmulator();
const transport = await openTransport(emulator.url, {
  prefix: 'bench',
  topics: [
    {
      name: address.topic,
      subscriptions: [{ name: address.subscription, leaseMs: 30_000, maxDeliveries: 25 }],
    },
  ],
});
await transport.provision();
requests.clear();
const publisher = createPublisher({ transport });
await Promise.all(Array.from({ length: MESSAGES }, (_, n) => publisher.publish(Counted, { n })));
let handled = 0;
const all = Promise.withResolvers<void>();
const worker = startWorker({
  transport,
  address,
  contract: Counted,
  concurrency: 80,
  handler: async () => {
    if (++handled === MESSAGES) all.resolve();
  },
});
await all.promise;
await worker.close();
const total = [...requests.values()].reduce((sum, count) => sum + count, 0);
const result = {
  machine: describeMachine(),
  messages: MESSAGES,
  requests: Object.fromEntries(requests),
  requestsPerMessage: Math.round((total / MESSAGES) * 10_000) / 10_000,
  budget: BUDGET,
};
if (process.argv.includes('--json')) console.log(JSON.stringify(result));
else {
  console.log(`SQS API requests, ${MESSAGES} messages, counted at the server`);
  for (const [action, count] of requests) console.log(`  ${action}  ${count}`);
  console.log(`requests a message: ${result.requestsPerMessage} (budget ${BUDGET}, floor 0.30)`);
}
await publisher.close();
await transport.close();
await emulator.stop();
