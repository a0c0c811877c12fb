/**
 * Messages a second while a backlog lies in the server, as a share of the rate with a small one: the backlog is
 * laid down first, then messages are sent and handled at once. A rate is the mean of what was sent and handled.
 *
 *   node bench/redis/depth.ts [--rounds 5] [--messages 100000] [--shallow 1000] [--deep 1000000]
 *     [--peers] [--drivers a,b] [--json]
 */
import { type Contender, contenders, label, moduleUrl } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import { describeMachine, median } from '../machine.ts';
import { options } from '../options.ts';
import { inRounds } from '../rounds.ts';
import { REDIS } from './contenders.ts';
import { withServer } from './server.ts';

const WANTED = 0.8;

const { rounds, messages, shallow, deep, json, ...chosen } = options({
  rounds: 5,
  messages: 100_000,
  shallow: 1_000,
  deep: 1_000_000,
});

interface Case {
  readonly one: Contender;
  readonly depth: number;
}

function measure({ one, depth: wanted }: Case, warmUp: boolean): Promise<number> {
  const depth = warmUp ? 0 : wanted;
  const count = warmUp ? Math.min(1_000, messages) : messages;
  return withServer(({ url }) =>
    withEnds(moduleUrl(one), url, async ({ open, saturate, handled, close }) => {
      await saturate(0, depth);
      await open(depth + 2 * count);
      // Once so that both ends are warm, however little was laid down.
      await Promise.all([saturate(depth, count), handled(count)]);
      const before = await handled(0);
      const startedAt = performance.now();
      await Promise.all([
        saturate(depth + count, count),
        handled(Math.min(before + count, depth + 2 * count)),
      ]);
      const seconds = (performance.now() - startedAt) / 1_000;
      // Where there is a backlog the consumer may handle more than is sent meanwhile: that is work too.
      const after = await handled(0);
      await close(depth + 2 * count);
      return (count + after - before) / 2 / seconds;
    }),
  );
}

const all = contenders(REDIS, chosen);
const cases = all.flatMap((one): Case[] => [shallow, deep].map((depth) => ({ one, depth })));
const results = await inRounds(cases, rounds, measure);
const rows = all.map((one) => {
  const [few = [], many = []] = [...results].filter(([each]) => each.one === one).map(([, rates]) => rates);
  return {
    name: label(one),
    shallow: median(few),
    deep: median(many),
    share: median(many.map((rate, round) => rate / (few[round] ?? Number.NaN))),
  };
});
if (json) {
  console.log(
    JSON.stringify({ machine: describeMachine(), rounds, messages, depths: [shallow, deep], rows }),
  );
} else {
  console.log(`Redis, ${messages} messages, medians of ${rounds} rounds, on ${describeMachine()}`);
  for (const { name, share, ...rates } of rows) {
    const verdict = share >= WANTED ? 'met' : 'NOT met';
    console.log(
      `  ${name.padEnd(36)} ${rates.shallow.toFixed(0)} msg/s at a depth of ${shallow}, ` +
        `${rates.deep.toFixed(0)} at ${deep}: ${share.toFixed(2)} ×, wanted ${WANTED} ×: ${verdict}`,
    );
  }
}
