import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Command, InvalidArgumentError } from 'commander';
import { parseJson } from '../../message/json.ts';
import { AnnounceFailed, type AnnounceReport } from '../../model-ready/judge/announce.ts';
import { createEmit } from '../../model-ready/judge/emit.ts';
import type { Document } from '../../model-ready/judge/inputs.ts';
import {
  type MinImprovement,
  minImprovementFrom,
  parseMinImprovement,
} from '../../model-ready/judge/parse-min-improvement.ts';
import { observe } from '../../observe/events.ts';
import { withTransport } from '../context.ts';
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
    // Read before anything is opened: a wrong file leaves nothing half done.
    const documents = (await Promise.all(inputs.map(readInput))).flat();
    await withTransport(async ({ config: { policies }, transport, signingKeys }) => {
      const unobserve = observe((event) => {
        if (event.event !== 'carrier_unavailable') return;
        console.error(
          `${paint('red', 'away')}: ${printable(event.error)}; trying again for half a minute, under the same ids`,
        );
      });
      try {
        const emit = createEmit(transport, { source: 'hikyaku/cli', signingKeys, policies, minImprovement });
        report(await emit(documents), json);
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
  });

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

async function readInput(input: string): Promise<Document[]> {
  if (input.startsWith('models:/')) return [{ name: input, content: input }];
  if (input === '-') return [parse('stdin', await text(process.stdin))];
  try {
    if (!(await stat(input)).isDirectory()) return [parse(input, await readFile(input, 'utf8'))];
    const files = (await readdir(input)).filter((file) => file.endsWith('.json')).toSorted();
    if (files.length === 0) throw new BadInput(`${input}: expected files that end in .json, found none`);
    return await Promise.all(
      files.map(async (file) => parse(join(input, file), await readFile(join(input, file), 'utf8'))),
    );
  } catch (error) {
    if (error instanceof BadInput) throw error;
    throw new BadInput(`${input} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function parse(name: string, json: string): Document {
  try {
    return { name, content: parseJson(json) };
  } catch (error) {
    throw new BadInput(`${name}: expected JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readMinImprovement(amount: string): MinImprovement {
  try {
    return parseMinImprovement(amount);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
