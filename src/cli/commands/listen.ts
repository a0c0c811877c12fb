import { Command } from 'commander';
import { createBroadcaster } from '../../broadcast/broadcaster.ts';
import { findTopic } from '../../config/find.ts';
import { type CourierEvent, observe } from '../../observe/events.ts';
import { LONGEST_TIMER } from '../../time/backoff.ts';
import { withTransport } from '../context.ts';
import { paint, print, printable, printJson } from '../output.ts';
import { stoppable } from '../stop-signals.ts';

export const listen = new Command('listen')
  .description('show what is said on a topic from now on, until Ctrl-C or SIGTERM')
  .argument('<topic>', 'a topic of the config: its contract checks what is heard')
  .option('--json', 'one JSON object a line: the envelope of each notice, and events')
  .addHelpText(
    'after',
    '\nWhat "notify" says, not what is published: for that, see "peek". Not on SQS, which does not broadcast.\n\nExamples:\n  $ hikyaku listen price_changed\n  $ hikyaku listen price_changed --json | jq .data',
  )
  .action((name: string, { json }: { json?: true }) =>
    withTransport(async ({ config, transport, signingKeys }) => {
      const { contract } = findTopic(config, name);
      const broadcaster = createBroadcaster({ transport, signingKeys });
      const unobserve = observe((event) => {
        const told = line(event);
        if (told === undefined) return;
        if (json) printJson(event);
        else print(told);
      });
      // In memory nothing else holds the process.
      const holding = setInterval(() => undefined, LONGEST_TIMER);
      try {
        await stoppable(async (signal) => {
          const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve));
          try {
            await broadcaster.listen(contract, (message) => {
              if (json) printJson(message);
              else
                print(`${paint('bold', printable(message.id))}  ${printable(JSON.stringify(message.data))}`);
            });
            if (json) printJson({ event: 'listening', topic: contract.name });
            else print(`listening to ${contract.name} on ${transport.name}`);
            if (!signal.aborted) await stopped;
          } finally {
            await broadcaster.close();
          }
        });
      } finally {
        clearInterval(holding);
        unobserve();
      }
    }),
  );

/** Of what there is to tell beside the notices. */
function line(event: CourierEvent): string | undefined {
  switch (event.event) {
    case 'notice_unreadable':
      return `${paint('red', 'unreadable')}  ${printable(event.id)}  ${event.code}: ${printable(event.error)}`;
    case 'notices_missed':
      return `${paint('yellow', 'missed')}  perhaps: ${printable(event.error)}`;
    case 'carrier_unavailable':
      return `${paint('red', 'away')}  ${event.transport}: ${printable(event.error)}`;
    case 'carrier_back':
      return `${paint('green', 'back')}  ${event.transport}`;
    default:
      return undefined;
  }
}
