/**
 * Milliseconds from publishing to handling at a steady, low rate, against a raw loop of XREADGROUP BLOCK and,
 * where they are installed, against peers.
 *
 *   node bench/redis/latency.ts [--rounds 5] [--rate 200] [--seconds 10] [--peers] [--drivers a,b] [--json]
 */
import { contenders, wantedOf } from '../contenders.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { REDIS } from './contenders.ts';
import { pacedLatencies } from './paced.ts';

const { rounds, rate, seconds, json, ...chosen } = options({ rounds: 5, rate: 200, seconds: 10 });
const all = contenders(wantedOf(REDIS, { 'raw-ioredis': 1.5 }), chosen);
const results = await inRounds(all, rounds, (one, warmUp) =>
  pacedLatencies(one, { rate, seconds: warmUp ? 0 : seconds }),
);
const p50 = compare(results, (latencies) => latencies.p50);
const p95 = compare(results, (latencies) => latencies.p95);
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, rate, seconds, p50, p95 }));
else {
  console.log(`Redis at ${rate} msg/s, medians of ${rounds} rounds of ${seconds} s, on ${describeMachine()}`);
  console.log('p50');
  printRows(p50, 'ms', 'lower', 2);
  console.log('p95');
  printRows(p95, 'ms', 'lower', 2);
}
