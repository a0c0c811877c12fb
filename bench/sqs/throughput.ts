/**
 * Messages a second through the SQS emulator in a process of its own, one producing and one consuming process,
 * against a hand-written loop on the SDK and, where they are installed, against peers.
 *
 *   node bench/sqs/throughput.ts [--rounds 5] [--messages 10000] [--peers] [--drivers a,b] [--json]
 */
import { contenders } from '../contenders.ts';
import { describeMachine } from '../machine.ts';
import { options } from '../options.ts';
import { compare, inRounds, printRows } from '../rounds.ts';
import { saturated } from '../saturated.ts';
import { SQS } from './contenders.ts';
import { withEmulator } from './server.ts';

const { rounds, messages, json, ...chosen } = options({ rounds: 5, messages: 10_000 });
const results = await inRounds(contenders(SQS, chosen), rounds, (one, warmUp) =>
  withEmulator((url) => saturated(one, url, warmUp ? Math.min(200, messages) : messages)),
);
const rows = compare(results, (rate) => rate);
if (json) console.log(JSON.stringify({ machine: describeMachine(), rounds, messages, rows }));
else {
  console.log(`SQS emulator, ${messages} messages, medians of ${rounds} rounds, on ${describeMachine()}`);
  printRows(rows, 'msg/s', 'higher');
}
