/**
 * CPU for each message end to end on the memory carrier, schema on, over that of a bare loop that does only
 * what cannot be left out: an id, stringify, parse, validate. Interleaved, median of rounds. Then the heap over
 * a million messages.
 */
import { randomUUIDv7 } from 'node:crypto';
import * as z from 'zod/mini';
import { startWorker } from '../src/consume/worker.ts';
import { defineMessage } from '../src/message/contract.ts';
import { createPublisher } from '../src/publish/publisher.ts';
import { createMemoryTransport } from '../src/transport/memory/memory.ts';
import { describeMachine, median } from './machine.ts';

const Measured = defineMessage({
  name: 'measured',
  version: 1,
  schema: z.object({
    model_name: z.string(),
    model_version: z.string(),
    metric_name: z.string(),
    value: z.number(),
    tags: z.record(z.string(), z.string()),
  }),
});
const data = {
  model_name: 'iris-species',
  model_version: '2',
  metric_name: 'log_loss',
  value: 0.06778610257316227,
  tags: { role: 'candidate', dataset: 'iris', estimator: 'LinearDiscriminantAnalysis' },
};
const address = { topic: 'measured', subscription: 'bench' };
const ROUNDS = 15;
const MESSAGES = 40_000;

let sink = 0;

function bare(count: number): void {
  for (let n = 0; n < count; n++) {
    const body = JSON.stringify({
      specversion: '1.0',
      id: randomUUIDv7(),
      source: 'bench',
      type: Measured.name,
      time: new Date().toISOString(),
      datacontenttype: 'application/json',
      dataschema: Measured.dataschema,
      data,
    });
    const event: { data: unknown } = JSON.parse(body);
    const result = Measured.schema['~standard'].validate(event.data);
    if (!(result instanceof Promise) && result.issues === undefined) sink += result.value.value;
  }
}

async function carried(count: number, afterEach?: (handled: number) => void): Promise<void> {
  const transport = createMemoryTransport({
    prefix: 'bench',
    topics: [
      {
        name: address.topic,
        subscriptions: [{ name: address.subscription, leaseMs: 30_000, maxDeliveries: 25 }],
      },
    ],
  });
  const publisher = createPublisher({ transport, source: 'bench' });
  let handled = 0;
  const all = Promise.withResolvers<void>();
  const worker = startWorker({
    transport,
    address,
    contract: Measured,
    concurrency: 500,
    handler: ({ data: { value } }) => {
      sink += value;
      handled++;
      afterEach?.(handled);
      if (handled === count) all.resolve();
    },
  });
  // Each publish awaited by its own caller, a few hundred callers at once: what a busy service does.
  const caller = async (share: number): Promise<void> => {
    for (let n = 0; n < share; n++) await publisher.publish(Measured, data);
  };
  const CALLERS = 500;
  await Promise.all(Array.from({ length: CALLERS }, () => caller(count / CALLERS)));
  await all.promise;
  await worker.close({ deadlineMs: 0 });
  await publisher.close();
  await transport.close();
}

async function cpuOf(work: () => void | Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / MESSAGES;
}

async function heapOver(messages: number): Promise<number[]> {
  const heaps: number[] = [];
  await carried(messages, (handled) => {
    if (handled % (messages / 10) !== 0) return;
    globalThis.gc?.();
    heaps.push(process.memoryUsage().heapUsed / 2 ** 20);
  });
  return heaps;
}

bare(MESSAGES);
await carried(MESSAGES);
const ratios: number[] = [];
const bares: number[] = [];
const ours: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const one = await cpuOf(() => bare(MESSAGES));
  const other = await cpuOf(() => carried(MESSAGES));
  bares.push(one);
  ours.push(other);
  ratios.push(other / one);
}
const heaps = await heapOver(1_000_000);
const result = {
  machine: describeMachine(),
  rounds: ROUNDS,
  messages: MESSAGES,
  bareMicroseconds: round(median(bares)),
  carriedMicroseconds: round(median(ours)),
  ratio: round(median(ratios)),
  heapMiB: heaps.map((heap) => round(heap)),
};
if (process.argv.includes('--json')) console.log(JSON.stringify(result));
else {
  console.log(`memory carrier, ${result.machine}`);
  console.log(`CPU a message: bare ${result.bareMicroseconds} µs, carried ${result.carriedMicroseconds} µs`);
  console.log(`ratio, median of ${ROUNDS} rounds: ${result.ratio} (budget 3)`);
  console.log(`heap after each 100,000 of a million messages, MiB: ${result.heapMiB.join(' ')}`);
}
if (sink === 0) throw new Error('nothing was handled');

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
