import { Command, InvalidArgumentError } from 'commander';
import { modelToEvaluate } from '../../model-ready/to-evaluate.ts';
import { sweepFrom } from '../../model-ready/webhook/sweep-from.ts';
import { createPublisher } from '../../publish/publisher.ts';
import { withTransport } from '../context.ts';
import { paint, print, printable, printJson } from '../output.ts';

interface Options {
  readonly since: number;
  readonly dryRun?: true;
  readonly json?: true;
}

export const sweep = new Command('sweep')
  .description('have versions judged that MLflow registered and no webhook told of')
  .requiredOption('--since <age>', 'registered since so long ago: 90m, 24h, 7d', readAge)
  .option('--dry-run', 'only show them')
  .option('--json', 'one JSON object a line for each version')
  .addHelpText(
    'after',
    '\nVersions with the alias challenger are included whenever they got it. Versions whose tag hikyaku.verdict is set (MLFLOW_WRITE_BACK=true) are left out.\n\nExamples:\n  $ MLFLOW_TRACKING_URI=https://mlflow.example.com hikyaku sweep --since 24h',
  )
  .action(({ since, dryRun, json }: Options) =>
    withTransport(async ({ transport, signingKeys }) => {
      const requests = await sweepFrom(process.env)(Date.now() - since);
      const event = dryRun ? 'found' : 'requested';
      const publisher = createPublisher({ transport, source: 'hikyaku/sweep', signingKeys });
      try {
        for (const request of requests) {
          const { model_name, model_version } = request;
          const id = dryRun ? undefined : (await publisher.publish(modelToEvaluate, request)).id;
          if (json) printJson({ event, id, model_name, model_version });
          else print(`${paint('cyan', event)}  ${printable(model_name)} v${printable(model_version)}`);
        }
      } finally {
        await publisher.close();
      }
      if (!json) print(`${requests.length} without a verdict`);
    }),
  );

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function readAge(text: string): number {
  const [, count, unit = ''] = /^(\d{1,5})([mhd])$/.exec(text) ?? [];
  const ms = UNITS[unit];
  if (count !== undefined && ms !== undefined) return Number(count) * ms;
  throw new InvalidArgumentError('expected minutes, hours or days, such as 90m, 24h or 7d.');
}
