/**
 * Messages a second over lists on a real Redis (AOF everysec), one producing and one consuming process, against the
 * best loop on the raw client.
 *
 *   node bench/redis/lists.ts [--rounds 5] [--messages 100000] [--drivers a,b] [--json]
 */
import { type Contender, contenders } from '../contenders.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { saturated } from '../saturated.ts';
import { withServer } from './server.ts';

const LISTS: readonly Contender[] = [
  { name: 'hikyaku', module: 'redis/drivers/hikyaku-list.ts' },
  { name: 'raw-lists', module: 'redis/drivers/raw-lists.ts', wanted: 0.85 },
  { name: 'raw-lists', module: 'redis/drivers/raw-lists.ts', settings: 'whole=1' },
  { name: 'raw-lists', module: 'redis/drivers/raw-lists.ts', settings: 'whole=1&checked=1' },
];

const { rounds, messages, json, ...chosen } = options({ rounds: 5, messages: 100_000 });
const results = await inRounds(contenders(LISTS, chosen), rounds, (one, warmUp) =>
  withServer(({ url }) => saturated(one, url, warmUp ? Math.min(1_000, messages) : messages)),
);
const rows = compare(results, (rate) => rate);
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, messages, rows }));
else {
  console.log(`Redis lists, ${messages} messages, medians of ${rounds} rounds, on ${describeMachine()}`);
  printRows(rows, 'msg/s', 'higher');
}
