/**
 * Whether a rate is held for a minute, and how long messages then take from when they were due to when they are
 * handled: a producer that falls behind shows. The server may rewrite its AOF meanwhile.
 *
 *   node bench/redis/sustain.ts [--rate 10000] [--seconds 60] [--rounds 1] [--peers] [--drivers a,b] [--json]
 */
import { type Contender, contenders, label, moduleUrl } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import { describeMachine, median } from '../machine.ts';
import { options } from '../options.ts';
import { inRounds } from '../rounds.ts';
import { REDIS } from './contenders.ts';
import { withServer } from './server.ts';

const P95_BUDGET_MS = 200;

const { rate, seconds, rounds, json, ...chosen } = options({ rate: 10_000, seconds: 60, rounds: 1 });

function measure(one: Contender, warmUp: boolean) {
  const total = rate * (warmUp ? 1 : seconds);
  return withServer(
    ({ url }) =>
      withEnds(moduleUrl(one), url, async ({ open, pace, handled, close }) => {
        await open(total);
        const { sent, ms } = await pace({ from: 0, rate, seconds: warmUp ? 1 : seconds, latencyFrom: 'due' });
        const sentAt = performance.now();
        await handled(sent);
        const behindMs = performance.now() - sentAt;
        const { latencies } = await close(sent);
        return { sentPerSecond: (sent * 1_000) / ms, behindMs, ...latencies };
      }),
    true,
  );
}

const results = await inRounds(contenders(REDIS, chosen), rounds, measure);
const rows = [...results].map(([one, all]) => {
  const of = (value: (one: (typeof all)[number]) => number): number => median(all.map(value));
  const sentPerSecond = of((one) => one.sentPerSecond);
  const p95 = of((one) => one.p95);
  return {
    name: label(one),
    sentPerSecond,
    p50: of((one) => one.p50),
    p95,
    p99: of((one) => one.p99),
    max: of((one) => one.max),
    behindMs: of((one) => one.behindMs),
    held: sentPerSecond >= 0.99 * rate && p95 < P95_BUDGET_MS,
  };
});
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, rate, seconds, rows }));
else {
  console.log(`Redis, ${rate} msg/s for ${seconds} s, ${rounds} rounds, on ${describeMachine()}`);
  for (const { name, sentPerSecond, p50, p95, p99, max, behindMs, held } of rows) {
    const latencies = [p50, p95, p99, max].map((ms) => ms.toFixed(1)).join(' / ');
    console.log(
      `  ${name.padEnd(36)} sent ${sentPerSecond.toFixed(0)} msg/s, p50 / p95 / p99 / max ${latencies} ms, ` +
        `the last handled ${behindMs.toFixed(0)} ms after it was sent: ` +
        `${held ? 'held' : 'NOT held'} (p95 under ${P95_BUDGET_MS} ms)`,
    );
  }
}
