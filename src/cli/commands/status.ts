import { Command } from 'commander';
import { readStatus, type SubscriptionStatus } from '../../operate/status.ts';
import { pause } from '../../time/backoff.ts';
import { withTransport } from '../context.ts';
import { paint, print, printJson, table } from '../output.ts';
import { onStopSignals } from '../stop-signals.ts';

export const status = new Command('status')
  .description('show how many messages stand where')
  .option('--watch', 'show it again every second, until Ctrl-C')
  .option('--json', 'one JSON object a line for each subscription')
  .addHelpText('after', '\nExamples:\n  $ hikyaku status\n  $ hikyaku status --json | jq .dead')
  .action(({ watch, json }: { watch?: true; json?: true }) =>
    withTransport(async ({ config, transport }) => {
      const show = async (): Promise<void> => {
        const rows = await readStatus(transport, config);
        if (json) return rows.forEach(printJson);
        if (watch && process.stdout.isTTY) process.stdout.write('\u001B[2J\u001B[H');
        print(statusTable(rows));
      };
      if (!watch) return show();
      const stop = new AbortController();
      const unlisten = onStopSignals(() => stop.abort());
      try {
        while (!stop.signal.aborted) {
          await show();
          await pause(1_000, stop.signal);
        }
      } finally {
        unlisten();
      }
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
