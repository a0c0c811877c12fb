/**
 * Milliseconds from notifying to a listener's handler at a steady, low rate, against raw PUBLISH and SUBSCRIBE.
 *
 *   node bench/redis/broadcast.ts [--rounds 5] [--rate 200] [--seconds 10] [--json]
 */
import { type Contender, contenders } from '../contenders.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { pacedLatencies } from './paced.ts';

const { rounds, rate, seconds, json, ...chosen } = options({ rounds: 5, rate: 200, seconds: 10 });

const BROADCASTING: readonly Contender[] = [
  { name: 'hikyaku', module: 'redis/drivers/broadcaster.ts' },
  { name: 'raw-ioredis', module: 'redis/drivers/raw-pubsub.ts', wanted: 1.5 },
];

const results = await inRounds(contenders(BROADCASTING, chosen), rounds, (one, warmUp) =>
  pacedLatencies(one, { rate, seconds: warmUp ? 0 : seconds }),
);
const p50 = compare(results, (latencies) => latencies.p50);
const p95 = compare(results, (latencies) => latencies.p95);
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, rate, seconds, p50, p95 }));
else {
  console.log(
    `broadcasts on Redis at ${rate} a second, medians of ${rounds} rounds of ${seconds} s, on ${describeMachine()}`,
  );
  console.log('p50');
  printRows(p50, 'ms', 'lower', 3);
  console.log('p95');
  printRows(p95, 'ms', 'lower', 3);
}
