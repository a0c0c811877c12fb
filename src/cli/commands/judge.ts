import { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { Baseline, Evidence, Measured } from '../../model-ready/judge/evidence.ts';
import { type Verdict, judge as verdictOn } from '../../model-ready/judge/gate.ts';
import { readEvidence } from '../../model-ready/judge/inputs.ts';
import { minImprovementFrom } from '../../model-ready/judge/parse-min-improvement.ts';
import { RULES } from '../../model-ready/judge/rules.ts';
import { describeDataset } from '../../model-ready/registry/registry.ts';
import { readInputs } from '../emit-inputs.ts';
import { paint, print, printable, printJson, table } from '../output.ts';

export const judge = new Command('judge')
  .description('show how models would be judged, and why; announces nothing')
  .argument(
    '<model...>',
    'NAME VERSION, models:/NAME/VERSION or models:/NAME@ALIAS at the MLflow server; or files, as emit takes them',
  )
  .option('--json', 'one JSON object a line for each model')
  .addHelpText(
    'after',
    '\nExamples:\n  $ MLFLOW_TRACKING_URI=https://mlflow.example.com hikyaku judge iris-species 2\n  $ hikyaku judge models:/iris-species@challenger --json\n  $ hikyaku judge evaluation.json',
  )
  .action(async (words: string[], { json }: { readonly json?: true }) => {
    const { policies } = await loadConfig(process.cwd());
    const documents = await readInputs(referencesIn(words), (error) => {
      throw error;
    });
    const settings = { policies, minImprovement: minImprovementFrom(process.env) };
    for (const evidence of await readEvidence(documents, settings)) {
      const verdict = verdictOn(evidence);
      if (json) printJson(asJson(evidence, verdict));
      else show(evidence, verdict);
    }
  });

/** A name and a number are a version: everything else is as `emit` takes it. */
function referencesIn(words: readonly string[]): readonly string[] {
  const [name, version, ...more] = words;
  const isVersion = version !== undefined && more.length === 0 && /^\d+$/.test(version);
  return isVersion ? [`models:/${name}/${version}`] : words;
}

function asJson(evidence: Evidence, verdict: Verdict) {
  const { model, metric, candidate, baselines, guardrails, policy } = evidence;
  const { model_name, model_version, model_id, mlflow_run_id } = model;
  const { rules, ...outcome } = verdict;
  return {
    event: 'judged',
    model_name,
    model_version,
    ...(model_id !== undefined && { model_id }),
    ...(mlflow_run_id !== undefined && { mlflow_run_id }),
    ...outcome,
    metric,
    candidate: valueAsJson(candidate),
    baselines: baselines.map((one) => ({ kind: one.kind, name: one.name, ...valueAsJson(one) })),
    guardrails: guardrails.map((one) => ({
      name: one.name,
      candidate: valueAsJson(one.candidate),
      baselines: one.baselines.map(valueAsJson),
    })),
    policy,
    rules: [
      ...rules.map(({ code, ...rule }) => ({ ...rule, passed: code === undefined, code })),
      ...notAsked(rules),
    ],
  };
}

/** JSON has no NaN and no infinity: they are texts, as in MLflow's own answers. */
function valueAsJson({ value, from, dataset, examples, standardError, problem }: Measured) {
  return {
    value: value === undefined || Number.isFinite(value) ? value : String(value),
    from,
    dataset: dataset && describeDataset(dataset),
    examples,
    standardError,
    problem,
  };
}

/** The rules after the one that failed. */
function notAsked(rules: Verdict['rules']): { rule: string; passed: null; detail: string }[] {
  const last = rules.at(-1);
  if (last?.code === undefined) return [];
  const after = RULES.findIndex(({ rule }) => rule === last.rule) + 1;
  return RULES.slice(after).map(({ rule }) => ({ rule, passed: null, detail: 'not asked' }));
}

function show({ model, metric, candidate, baselines, guardrails }: Evidence, verdict: Verdict): void {
  const { model_name, model_version, mlflow_run_id } = model;
  const name = model_name === null ? `run ${mlflow_run_id ?? '?'}` : `${model_name} v${model_version}`;
  const outcome =
    verdict.verdict === 'announce'
      ? paint('green', 'would be announced')
      : paint('red', `would be rejected: ${verdict.code}`);
  print(`${paint('bold', printable(name))}  ${outcome}`);
  print();
  const rows = [
    row(metric ?? 'no metric', 'the model', candidate),
    ...baselines.map((one: Baseline) => row(metric ?? '', one.name, one)),
    ...guardrails.flatMap((guarded) => [
      row(guarded.name, 'the model', guarded.candidate),
      ...guarded.baselines.map((one, index) =>
        row(guarded.name, baselines[index]?.name ?? 'its baseline', one),
      ),
    ]),
  ];
  print(table(['metric', 'of', 'value', 'from'], rows));
  print();
  for (const { rule, code, detail } of verdict.rules) {
    const passed = code === undefined ? paint('green', 'passed') : paint('red', 'failed');
    print(`${passed}  ${rule.padEnd(16)}  ${printable(detail)}`);
  }
  for (const { rule } of notAsked(verdict.rules)) print(`${paint('dim', 'not asked')}  ${rule}`);
  print();
}

function row(metric: string, of: string, { value, from, problem }: Measured): string[] {
  const shown = problem?.code ?? (value === undefined ? '-' : String(value));
  return [metric, of, shown, from].map(printable);
}
