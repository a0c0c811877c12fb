import { Command } from 'commander';
import { findSubscription } from '../../config/find.ts';
import { startWorker } from '../../consume/worker.ts';
import { type CourierEvent, observe } from '../../observe/events.ts';
import { wholeNumber } from '../arguments.ts';
import { withTransport } from '../context.ts';
import { paint, print, printable, printJson } from '../output.ts';

export const work = new Command('work')
  .description('run a consumer of a subscription until Ctrl-C or SIGTERM, which drain it')
  .argument('<subscription>', 'topic/subscription, or the topic where it has only one')
  .option('-c, --concurrency <count>', 'how many messages are handled at once', wholeNumber(1, 1_000), 10)
  .option('--json', 'one JSON object a line for each event')
  .addHelpText(
    'after',
    '\nExamples:\n  $ TRANSPORT_URL=sqs://eu-west-1 hikyaku work model_ready_to_deploy/deploy',
  )
  .action((name: string, { concurrency, json }: { concurrency: number; json?: true }) =>
    withTransport(async ({ config, transport }) => {
      const { topic, subscription, address } = findSubscription(config, name);
      const { default: handler } = await subscription.loadHandler();
      const unobserve = observe((event) => (json ? printJson(event) : print(line(event))));
      const worker = startWorker({
        transport,
        address,
        contract: topic.contract,
        handler,
        retry: subscription.retry,
        handlerTimeoutMs: subscription.handlerTimeoutMs,
        concurrency,
      });
      const close = (): void => void worker.close();
      process.once('SIGINT', close);
      process.once('SIGTERM', close);
      if (!json)
        print(
          `consuming ${address.topic}/${address.subscription} on ${transport.name}, ${concurrency} at once`,
        );
      try {
        await worker.ended;
      } finally {
        process.off('SIGINT', close);
        process.off('SIGTERM', close);
        unobserve();
      }
    }),
  );

function line(event: CourierEvent): string {
  const about = 'id' in event ? printable(event.id) : '';
  switch (event.event) {
    case 'handled':
      return `${paint('green', 'handled')}  ${about}  attempt ${event.attempt}, ${Math.round(event.ms)} ms`;
    case 'retried':
      return `${paint('yellow', 'retried')}  ${about}  attempt ${event.attempt} failed (${printable(event.error)}), again in ${event.delayMs} ms`;
    case 'dead_lettered':
      return `${paint('red', 'dead')}     ${about}  ${event.code}: ${printable(event.error)}`;
    case 'carrier_unavailable':
      return `${paint('red', 'away')}     ${event.transport}: ${printable(event.error)}`;
    case 'carrier_back':
      return `${paint('green', 'back')}     ${event.transport}`;
    default:
      return `${event.event}  ${about}`;
  }
}
