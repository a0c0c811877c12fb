import { Command, InvalidArgumentError } from 'commander';
import { AnnounceFailed, type AnnounceReport } from '../../model-ready/judge/announce.ts';
import { createEmit } from '../../model-ready/judge/emit.ts';
import {
  type MinImprovement,
  minImprovementFrom,
  parseMinImprovement,
} from '../../model-ready/judge/parse-min-improvement.ts';
import { observe } from '../../observe/events.ts';
import { withTransport } from '../context.ts';
import { readInputs } from '../emit-inputs.ts';
import { BadInput } from '../exit.ts';
import { paint, print, printable, printJson } from '../output.ts';

interface Options {
  readonly minImprovement?: MinImprovement;
  readonly json?: true;
}

export const emit = new Command('emit')
  .description('judge models against their baselines, and announce those that beat them')
  .argument(
    '<inputs...>',
    'JSON files (evaluations, MLflow runs and model versions), folders of them, - for stdin, models:/NAME/VERSION or models:/NAME@ALIAS',
  )
  .option(
    '--min-improvement <amount>',
    'better by at least this: 0.01 in the metric’s unit, or 1% of the baseline (default: MIN_IMPROVEMENT)',
    readMinImprovement,
  )
  .option('--json', 'one JSON object a line for each model')
  .addHelpText(
    'after',
    '\nExamples:\n  $ hikyaku emit evaluation.json\n  $ hikyaku emit run.json model-version.json --min-improvement 1%\n  $ MLFLOW_TRACKING_URI=https://mlflow.example.com hikyaku emit models:/iris-species/2',
  )
  .action(async (inputs: string[], { minImprovement = minImprovementFrom(process.env), json }: Options) => {
    const unreadable = createUnreadable(json);
    const documents = await readInputs(inputs, unreadable.add);
    if (documents.length === 0) throw new BadInput(NOTHING);
    const judged = await withTransport(async ({ config: { policies }, transport, signingKeys }) => {
      const unobserve = observe((event) => {
        if (event.event !== 'carrier_unavailable') return;
        console.error(
          `${paint('red', 'away')}: ${printable(event.error)}; trying again for half a minute, under the same ids`,
        );
      });
      const onUnreadable = unreadable.add;
      try {
        const options = { source: 'hikyaku/cli', signingKeys, policies, minImprovement, onUnreadable };
        const done = await createEmit(transport, options)(documents);
        report(done, json);
        return done.announced.length + done.rejected.length;
      } catch (error) {
        if (error instanceof AnnounceFailed) {
          report(error.report, json);
          if (json) for (const one of error.report.failed) printJson({ event: 'announce_failed', ...one });
        }
        throw error;
      } finally {
        unobserve();
      }
    });
    const count = unreadable.count();
    if (count === 0) return;
    throw new BadInput(
      judged === 0 ? NOTHING : `${count} of the inputs cannot be read; all others are judged`,
    );
  });

const NOTHING = 'nothing that was given can be read';

/** Says at once what cannot be read, and goes on: one bad file does not stop the others. */
function createUnreadable(json: true | undefined) {
  let count = 0;
  return {
    add({ message }: Error): void {
      count++;
      console.error(`${paint('red', 'unreadable')}: ${printable(message)}`);
      if (json) printJson({ event: 'unreadable', reason: message });
    },
    count: () => count,
  };
}

function report({ announced, rejected }: AnnounceReport, json: true | undefined): void {
  if (json) {
    for (const one of announced) printJson({ event: 'announced', ...one });
    for (const one of rejected) printJson({ event: 'rejected', ...one });
    return;
  }
  for (const { model_name, model_version, id, improvement_percentage } of announced) {
    const better = Number(improvement_percentage.toPrecision(4));
    print(
      `${paint('cyan', 'announced')}  ${printable(model_name)} v${printable(model_version)}  ${better} % better, message ${id}`,
    );
  }
  for (const { model_name, model_version, mlflow_run_id, reason } of rejected) {
    const name = model_name === null ? `run ${mlflow_run_id ?? '?'}` : `${model_name} v${model_version}`;
    print(`${paint('dim', 'rejected')}   ${printable(name)}  ${printable(reason)}`);
  }
}

function readMinImprovement(amount: string): MinImprovement {
  try {
    return parseMinImprovement(amount);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
