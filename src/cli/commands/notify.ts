import { text } from 'node:stream/consumers';
import { Command } from 'commander';
import { createBroadcaster } from '../../broadcast/broadcaster.ts';
import { findTopic } from '../../config/find.ts';
import { parseJson } from '../../message/json.ts';
import { withTransport } from '../context.ts';
import { BadInput } from '../exit.ts';
import { paint, print, printJson } from '../output.ts';

export const notify = new Command('notify')
  .description('tell whoever listens to a topic now, at most once; nothing is kept')
  .argument('<topic>', 'a topic of the config: its contract checks the data')
  .argument('<data>', 'the data, as JSON, or - for stdin')
  .option('--json', 'one JSON object, with the id')
  .addHelpText(
    'after',
    '\nNot on SQS, which does not broadcast. Whether anybody heard it, nobody knows.\n\nExamples:\n  $ hikyaku notify price_changed \'{"article":"a-1"}\'',
  )
  .action(async (name: string, json: string, options: { json?: true }) => {
    const data = read(json === '-' ? await text(process.stdin) : json);
    await withTransport(async ({ config, transport, signingKeys }) => {
      const { contract } = findTopic(config, name);
      const broadcaster = createBroadcaster({ transport, source: 'hikyaku/cli', signingKeys });
      try {
        const { id } = await broadcaster.notify(contract, data);
        if (options.json) printJson({ event: 'notified', topic: contract.name, id });
        else print(`${paint('cyan', 'notified')}  ${contract.name}, message ${id}`);
      } finally {
        await broadcaster.close();
      }
    });
  });

function read(json: string): unknown {
  try {
    return parseJson(json);
  } catch (error) {
    throw new BadInput(`the data: expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}
