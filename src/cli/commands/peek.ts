import { Command } from 'commander';
import { findSubscription } from '../../config/find.ts';
import { peek as peekAt } from '../../operate/peek.ts';
import { wholeNumber } from '../arguments.ts';
import { withTransport } from '../context.ts';
import { ago, paint, print, printable, printJson } from '../output.ts';

export const peek = new Command('peek')
  .description('show the next messages of a subscription and give them back')
  .argument('<subscription>', 'topic/subscription, or the topic where it has only one')
  .option('-n, --max <count>', 'how many at most', wholeNumber(1, 1_000), 10)
  .option('--json', 'one JSON object a line for each message')
  .addHelpText(
    'after',
    '\nOn SQS a look counts as a delivery, and hides the messages for a moment.\n\nExamples:\n  $ hikyaku peek model_ready_to_deploy/deploy\n  $ hikyaku peek model_ready_to_deploy --max 1 --json',
  )
  .action((name: string, { max, json }: { max: number; json?: true }) =>
    withTransport(async ({ config, transport }) => {
      const { address } = findSubscription(config, name);
      const messages = await peekAt(transport, address, max);
      for (const { id, body, headers, deliveries, enqueuedAt } of messages) {
        if (json) printJson({ id, deliveries, enqueuedAt, headers, body });
        else
          print(
            `${paint('bold', printable(id))}  ${ago(enqueuedAt)}, delivered ${deliveries} ×\n  ${printable(body)}`,
          );
      }
      if (messages.length === 0 && !json) print('nothing is ready');
    }),
  );
