/**
 * Milliseconds from publishing to handling at a steady, low rate, against a raw loop of XREADGROUP BLOCK and,
 * where they are installed, against peers.
 *
 *   node bench/redis/latency.ts [--rounds 5] [--rate 200] [--seconds 10] [--peers] [--drivers a,b] [--json]
 */
import { type Contender, contenders, moduleUrl, wantedOf } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import type { Consumed } from '../tasks.ts';
import { REDIS } from './contenders.ts';
import { withServer } from './server.ts';

const { rounds, rate, seconds, json, ...chosen } = options({ rounds: 5, rate: 200, seconds: 10 });
/** Before those that are measured. */
const WARM_UP_SECONDS = 2;

function measure(one: Contender, warmUp: boolean): Promise<Consumed['latencies']> {
  const first = rate * WARM_UP_SECONDS;
  const then = warmUp ? 0 : rate * seconds;
  return withServer(({ url }) =>
    withEnds(moduleUrl(one), url, async ({ open, pace, handled, close }) => {
      await open(first + then);
      await pace({ from: 0, rate, seconds: WARM_UP_SECONDS, latencyFrom: 'sent' });
      const { sent } = await pace({ from: first, rate, seconds: warmUp ? 0 : seconds, latencyFrom: 'sent' });
      if (sent !== then) throw new Error(`${one.name} sent only ${sent} of ${then} messages in time`);
      await handled(first + then);
      const { latencies } = await close(first + then, first);
      return latencies;
    }),
  );
}

const all = contenders(wantedOf(REDIS, { 'raw-ioredis': 1.5 }), chosen);
const results = await inRounds(all, rounds, measure);
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
