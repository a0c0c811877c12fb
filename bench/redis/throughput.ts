/**
 * Messages a second through a real Redis (AOF everysec), one producing and one consuming process, against the
 * best loop on the raw client and, where they are installed, against peers.
 *
 *   node bench/redis/throughput.ts [--rounds 5] [--messages 100000] [--peers] [--drivers a,b] [--json]
 */
import { contenders } from '../contenders.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { saturated } from '../saturated.ts';
import { REDIS } from './contenders.ts';
import { withServer } from './server.ts';

const { rounds, messages, json, ...chosen } = options({ rounds: 5, messages: 100_000 });
const results = await inRounds(contenders(REDIS, chosen), rounds, (one, warmUp) =>
  withServer(({ url }) => saturated(one, url, warmUp ? Math.min(1_000, messages) : messages)),
);
const rows = compare(results, (rate) => rate);
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, messages, rows }));
else {
  console.log(`Redis, ${messages} messages, medians of ${rounds} rounds, on ${describeMachine()}`);
  printRows(rows, 'msg/s', 'higher');
}
