import { Command } from 'commander';
import { listConsumers } from '../../operate/workers.ts';
import { withTransport } from '../context.ts';
import { ago, print, printable, printJson, table } from '../output.ts';

export const workers = new Command('workers')
  .description('show who consumes what, since when, when last seen, and how much each has in flight')
  .option('--json', 'one JSON object a line for each consumer')
  .addHelpText(
    'after',
    '\nOnly where the carrier knows its consumers: SQS does not.\n\nExamples:\n  $ hikyaku workers',
  )
  .action(({ json }: { json?: true }) =>
    withTransport(async ({ config, transport }) => {
      const consumers = await listConsumers(transport, config);
      if (json) consumers.forEach(printJson);
      else if (consumers.length === 0) print('nobody consumes here');
      else {
        print(
          table(
            ['topic', 'subscription', 'consumer', 'since', 'last seen', 'in flight'],
            consumers.map(({ topic, subscription, name, since, lastSeen, inFlight }) => [
              topic,
              subscription,
              printable(name),
              ago(since),
              ago(lastSeen),
              inFlight,
            ]),
          ),
        );
      }
    }),
  );
