import { Command, InvalidArgumentError } from 'commander';
import { clientFromEnvironment, registryOf } from '../../model-ready/registry/mlflow-rest.ts';
import { createMlflowSearch } from '../../model-ready/registry/mlflow-search.ts';
import { modelToEvaluate } from '../../model-ready/to-evaluate.ts';
import { findUnjudged } from '../../model-ready/webhook/sweep.ts';
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
      const client = clientFromEnvironment(process.env);
      const requests = await findUnjudged({
        search: createMlflowSearch(client),
        registry: registryOf(client),
        since: Date.now() - since,
        workspace: process.env['MLFLOW_WORKSPACE']?.trim() || undefined,
      });
      const publisher = createPublisher({ transport, source: 'hikyaku/sweep', signingKeys });
      try {
        for (const request of requests) {
          const { model_name, model_version } = request;
          const id = dryRun ? undefined : (await publisher.publish(modelToEvaluate, request)).id;
          if (json) printJson({ event: dryRun ? 'found' : 'requested', id, model_name, model_version });
          else {
            const what = dryRun ? 'found' : 'requested';
            print(`${paint('cyan', what)}  ${printable(model_name)} v${printable(model_version)}`);
          }
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
