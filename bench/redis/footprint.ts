/**
 * What a message costs the server: requests at saturation, counted on the wire, and memory at a depth. Free of
 * noise as far as can be: nothing is timed, though how much goes into one request follows from time.
 *
 *   node bench/redis/footprint.ts [--messages 50000] [--depth 100000] [--peers] [--drivers a,b] [--json]
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Contender, contenders, label, moduleUrl } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import { describeMachine } from '../machine.ts';
import { bodyOf, dataOf } from '../message.ts';
import { options } from '../options.ts';
import { REDIS } from './contenders.ts';
import { startCountingProxy } from './counting-proxy.ts';
import { withServer } from './server.ts';

const REQUESTS_BUDGET = 0.05;
const MEMORY_BUDGET = 1.6;

const { messages, depth, json, ...chosen } = options({ messages: 50_000, depth: 100_000 });

/** Requests by command, between when both ends stand and when all has been handled. */
function countRequests(one: Contender): Promise<Record<string, number>> {
  return withServer(async ({ port }) => {
    const proxy = await startCountingProxy(port);
    try {
      return await withEnds(moduleUrl(one), proxy.url, async ({ open, saturate, handled, close }) => {
        await open(messages);
        proxy.requests.clear();
        await Promise.all([saturate(0, messages), handled(messages)]);
        const requests = Object.fromEntries(proxy.requests);
        await close(messages);
        return requests;
      });
    } finally {
      await proxy.stop();
    }
  });
}

/** Bytes that the server's memory has grown by for each message that waits. */
function memoryEach(one: Contender): Promise<number> {
  return withServer(({ url, info }) =>
    withEnds(moduleUrl(one), url, async ({ saturate, close }) => {
      // The scripts and whatever else is there once.
      await saturate(0, 1);
      const before = await info('used_memory');
      await saturate(1, depth);
      while ((await info('aof_buffer_length')) > 0) await sleep(50);
      const after = await info('used_memory');
      await close(depth + 1);
      return (after - before) / depth;
    }),
  );
}

const bytes = Buffer.byteLength(bodyOf(dataOf(depth)));
const rows = [];
for (const one of contenders(REDIS, chosen)) {
  const requests = await countRequests(one);
  const memory = await memoryEach(one);
  rows.push({
    name: label(one),
    requests,
    requestsEach: Object.values(requests).reduce((sum, count) => sum + count, 0) / messages,
    memoryEach: memory,
    memoryOverBytes: memory / bytes,
  });
}
if (json) console.log(JSON.stringify({ machine: describeMachine(), messages, depth, bytes, rows }));
else {
  console.log(`Redis, messages of ${bytes} bytes, on ${describeMachine()}`);
  for (const { name, requests, requestsEach, memoryEach: memory, memoryOverBytes } of rows) {
    const commands = Object.entries(requests).map(([command, count]) => `${command} ${count}`);
    console.log(
      `  ${name.padEnd(36)} ${requestsEach.toFixed(4)} requests a message (budget ${REQUESTS_BUDGET}): ` +
        `${commands.join(', ')} for ${messages} messages`,
    );
    console.log(
      `  ${''.padEnd(36)} ${memory.toFixed(0)} bytes of memory each at a depth of ${depth}, ` +
        `${memoryOverBytes.toFixed(2)} × its bytes (budget ${MEMORY_BUDGET})`,
    );
  }
}
