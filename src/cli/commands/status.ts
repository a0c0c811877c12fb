import { Command } from 'commander';
import { readStatus, type SubscriptionStatus } from '../../operate/status.ts';
import { pause } from '../../time/backoff.ts';
import { withTransport } from '../context.ts';
import { paint, print, printJson, table } from '../output.ts';

export const status = new Command('status')
  .description('show how many messages stand where')
  .option('--watch', 'show it again every second, until Ctrl-C')
  .option('--json', 'one JSON object a line for each subscription')
  .addHelpText('after', '\nExamples:\n  $ hikyaku status\n  $ hikyaku status --json | jq .dead')
  .action(({ watch, json }: { watch?: true; json?: true }) =>
    withTransport(async ({ config, transport }) => {
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      do {
        const rows = await readStatus(transport, config);
        if (json) rows.forEach(printJson);
        else {
          if (watch && process.stdout.isTTY) process.stdout.write('\u001B[2J\u001B[H');
          print(statusTable(rows));
        }
        if (watch) await pause(1_000, stop.signal);
      } while (watch && !stop.signal.aborted);
    }),
  );

export function statusTable(rows: readonly SubscriptionStatus[]): string {
  return table(
    ['topic', 'subscription', 'ready', 'in flight', 'delayed', 'dead'],
    rows.map(({ topic, subscription, ready, inFlight, delayed, dead }) => [
      topic,
      subscription,
      ready,
      inFlight,
      delayed,
      dead > 0 ? paint('red', String(dead)) : dead,
    ]),
  );
}
