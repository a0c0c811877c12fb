import { Command } from 'commander';
import { subscriptionsOf } from '../../config/define-config.ts';
import { withTransport } from '../context.ts';
import { print, printJson } from '../output.ts';

export const provision = new Command('provision')
  .description('create on the carrier what the config names and is not there; nothing is removed')
  .option('--json', 'one JSON object a line for each subscription')
  .addHelpText(
    'after',
    '\nFor Redis and files, and for trying things out: the queues of an installation on AWS are made by cdk deploy.\n\nExamples:\n  $ TRANSPORT_URL=redis://localhost:6379 hikyaku provision',
  )
  .action(({ json }: { json?: true }) =>
    withTransport(async ({ config, transport }) => {
      await transport.provision();
      for (const { address } of subscriptionsOf(config)) {
        if (json) printJson(address);
        else print(`${address.topic}/${address.subscription} is there`);
      }
    }),
  );
