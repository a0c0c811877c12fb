import { readdirSync, readFileSync } from 'node:fs';
import { parseEvaluation } from '../../src/model-ready/judge/evaluation.ts';
import { evidenceOfDocument } from '../../src/model-ready/judge/from-document.ts';
import type { JudgeSettings } from '../../src/model-ready/judge/settings.ts';

const EXAMPLES = new URL('../../examples/', import.meta.url);

/** An example MLflow answer, parsed, under its file's name. */
export interface ExampleAnswer {
  readonly name: string;
  readonly content: Record<string, unknown>;
}

/** All of MLflow's answers among the examples. */
export function exampleAnswers(): ExampleAnswer[] {
  const runs = new URL('mlflow/runs/', EXAMPLES);
  return readdirSync(runs).map((name) => ({ name, content: readJson(new URL(name, runs)) }));
}

/** Those whose file names start like this. */
export function exampleAnswersOf(...starts: string[]): ExampleAnswer[] {
  return exampleAnswers().filter(({ name }) => starts.some((start) => name.startsWith(start)));
}

/** The exact text of one of MLflow's answers. */
export function exampleText(name: string): string {
  return readFileSync(new URL(`mlflow/runs/${name}`, EXAMPLES), 'utf8');
}

export interface Expected {
  readonly registered_model: string;
  readonly version: string;
  readonly token_symbol: string;
  readonly run_id: string;
  readonly metric: string;
  readonly direction: string;
  readonly baseline: number;
  readonly value: number | 'NaN';
  /** Null for the first baselines. */
  readonly should_pass: boolean | null;
}

/** What must come out for each of the example models. */
export function expectedModels(): Expected[] {
  return readJson(new URL('mlflow/expected.json', EXAMPLES));
}

/** A plain evaluation that passes the gate, with changes. */
export function plainEvaluation(changes: object = {}) {
  return { ...readJson(new URL('evaluations/churn-predictor.v7.json', EXAMPLES)), ...changes };
}

/** The same as evidence. */
export function evidence(changes: object = {}, settings: JudgeSettings = {}) {
  return evidenceOfDocument(parseEvaluation(plainEvaluation(changes)), settings);
}

function readJson(file: URL) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
