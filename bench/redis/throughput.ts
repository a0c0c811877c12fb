/**
 * Messages a second through a real Redis (AOF everysec), one producing and one consuming process, against the
 * best loop on the raw client and, where they are installed, against peers.
 *
 *   node bench/redis/throughput.ts [--rounds 5] [--messages 100000] [--peers] [--drivers a,b] [--json]
 */
import { parseArgs } from 'node:util';
import { contenders, moduleUrl } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import { describeMachine } from '../machine.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { REDIS } from './contenders.ts';
import { withServer } from './server.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    messages: { type: 'string', default: '100000' },
    peers: { type: 'boolean', default: false },
    drivers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const messages = Number(values.messages);
const rounds = Number(values.rounds);
const all = contenders(REDIS, { names: values.drivers, peers: values.peers });

const results = await inRounds(all, rounds, (one, warmUp) => {
  const count = warmUp ? Math.min(1_000, messages) : messages;
  return withServer(({ url }) =>
    withEnds(moduleUrl(one), url, async ({ open, saturate, handled, close }) => {
      await open(count);
      const startedAt = performance.now();
      await Promise.all([saturate(0, count), handled(count)]);
      const seconds = (performance.now() - startedAt) / 1_000;
      await close(count);
      return count / seconds;
    }),
  );
});

const rows = compare(results, (rate) => rate);
if (values.json) console.log(JSON.stringify({ machine: describeMachine(), rounds, messages, rows }));
else {
  console.log(`Redis, ${messages} messages, medians of ${rounds} rounds, on ${describeMachine()}`);
  printRows(rows, 'msg/s', 'higher');
}
