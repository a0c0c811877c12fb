/**
 * Messages a second through a real Redis (AOF everysec), one producing and one consuming process, against the
 * best loop on the raw client: in turns, round after round, as ratios within the round, medians over rounds.
 *
 *   node bench/redis/throughput.ts [--rounds 5] [--messages 100000] [--drivers a,b] [--json]
 */
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { describeMachine, median } from '../machine.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    messages: { type: 'string', default: '100000' },
    drivers: { type: 'string', default: 'hikyaku,raw-ioredis' },
    json: { type: 'boolean', default: false },
  },
});
const drivers = values.drivers.split(',');
const messages = Number(values.messages);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const folder = mkdtempSync(join(tmpdir(), 'hikyaku-bench-'));
const port = await freePort();
const url = `redis://127.0.0.1:${port}`;
const server = spawn(
  'redis-server',
  ['--port', String(port), '--dir', folder, '--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''],
  { stdio: 'ignore' },
);
const control = new Redis(url, { maxRetriesPerRequest: null });
// Until it listens.
control.on('error', () => undefined);
await control.ping();

async function measure(name: string): Promise<number> {
  await control.flushall();
  const count = messages;
  const start = (role: string) =>
    fork(join(import.meta.dirname, 'role.ts'), [name, role, url, String(count)]);
  const consumer = start('consume');
  const producer = start('produce');
  await Promise.all([once(consumer, 'message'), once(producer, 'message')]);
  const startedAt = performance.now();
  consumer.send('go');
  producer.send('go');
  await Promise.all([once(consumer, 'message'), once(producer, 'message')]);
  const seconds = (performance.now() - startedAt) / 1_000;
  await Promise.all(
    [consumer, producer].map((child) => (child.exitCode === null ? once(child, 'exit') : undefined)),
  );
  return count / seconds;
}

const rates: Record<string, number[]> = Object.fromEntries(drivers.map((name) => [name, []]));
try {
  for (const name of drivers) await measure(name);
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const name of drivers) rates[name]?.push(await measure(name));
  }
} finally {
  control.disconnect();
  server.kill();
  await once(server, 'exit');
  rmSync(folder, { recursive: true, force: true });
}

const ours = rates['hikyaku'] ?? [];
const results = drivers.map((name) => ({
  name,
  messagesPerSecond: Math.round(median(rates[name] ?? [])),
  oursOverIt:
    Math.round(median((rates[name] ?? []).map((rate, round) => (ours[round] ?? Number.NaN) / rate)) * 100) /
    100,
}));
if (values.json)
  console.log(JSON.stringify({ machine: describeMachine(), rounds: values.rounds, messages, results }));
else {
  console.log(`Redis, ${messages} messages, ${values.rounds} rounds, ${describeMachine()}`);
  for (const { name, messagesPerSecond, oursOverIt } of results) {
    console.log(
      `${name.padEnd(16)} ${String(messagesPerSecond).padStart(8)} msg/s   ours is ${oursOverIt} ×`,
    );
  }
}
