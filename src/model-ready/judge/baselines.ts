import type { ModelPolicy } from '../../config/policy.ts';
import type { ModelRegistry } from '../registry/registry.ts';
import { isSame } from './datasets.ts';
import type { Baseline, Measured, Problem } from './evidence.ts';
import { measure, problemOfRun } from './measure.ts';
import { findRun, type Subject, subjectOfRun, subjectOfVersion } from './subject.ts';
import { numberIn, type Tags } from './tags.ts';

/** What a model is compared with. */
export interface FoundBaselines {
  readonly baselines: readonly Baseline[];
  /** Where the values of each come from; undefined for a number that a person wrote down. */
  readonly subjects: readonly (Subject | undefined)[];
  /** The model is what others are compared with. */
  readonly isBaseline: boolean;
  /** A tag that states a baseline and cannot be understood. */
  readonly problem?: Problem | undefined;
}

interface Found {
  readonly baseline: Baseline;
  readonly subject?: Subject;
}

/** The alias of the version that is live: every other version has to beat it. */
const CHAMPION = 'champion';
const STATED = { kind: 'stated', name: 'its baseline' } as const;

/**
 * The baselines of a model: those that its tags state, and the live champion. The champion is not compared with itself:
 * it can be announced again if it beats a stated baseline.
 */
export async function baselinesOf(
  registry: ModelRegistry,
  subject: Subject,
  tags: Tags,
  metric: string,
  { baselines: which = 'both', dataset: wanted }: ModelPolicy,
  candidate: Measured,
): Promise<FoundBaselines> {
  const measured = (one: Subject) => measure(registry, one, metric, { wanted, like: candidate.dataset });
  const value = which === 'champion' ? {} : numberIn(tags, 'baseline.value');
  const runId = which === 'champion' ? undefined : tags.get('baseline.run_id')?.trim() || undefined;
  const isStated = runId !== undefined && runId === subject.run?.id;
  const champion = which === 'stated' ? undefined : await championOf(registry, subject);

  const found: Found[] = [];
  if (value.value !== undefined) {
    found.push({
      baseline: { ...STATED, value: value.value, from: 'the tag baseline.value', isExact: true },
    });
  }
  if (runId !== undefined && !isStated) {
    const run = await findRun(registry, runId);
    const baseline = run && (await subjectOfRun(registry, run));
    if (baseline !== undefined) {
      const checked = comparable(await measured(baseline), candidate, baseline, STATED.name);
      found.push({ baseline: { ...checked, ...STATED, isExact: false }, subject: baseline });
    } else if (value.value === undefined || registry.isComplete) {
      const problem = {
        code: 'missing_baseline',
        reason: `its baseline, run ${runId}, is not there`,
      } as const;
      found.push({ baseline: { ...STATED, from: `run ${runId}`, problem, isExact: false } });
    }
  }
  if (champion !== undefined && champion !== 'itself') {
    const name = `the champion (version ${champion.version?.version})`;
    const checked = comparable(await measured(champion), candidate, champion, name);
    found.push({ baseline: { ...checked, kind: 'champion', name, isExact: false }, subject: champion });
  }
  return {
    baselines: found.map(({ baseline }) => baseline),
    subjects: found.map(({ subject }) => subject),
    isBaseline: isStated || (champion === 'itself' && found.length === 0),
    problem: value.problem,
  };
}

/** The live champion of the model's name; undefined if there is none. */
async function championOf(
  registry: ModelRegistry,
  { version }: Subject,
): Promise<Subject | 'itself' | undefined> {
  const champion = version && (await registry.alias(version.name, CHAMPION));
  if (champion === undefined) return undefined;
  return champion.version === version?.version ? 'itself' : subjectOfVersion(registry, champion);
}

/** The codes of problems that a model has, where a baseline has them. */
const CODES: Readonly<Partial<Record<Problem['code'], Problem['code']>>> = {
  run_deleted: 'baseline_deleted',
  model_deleted: 'baseline_deleted',
  model_not_ready: 'baseline_failed',
  run_not_finished: 'baseline_failed',
  missing_metric: 'missing_baseline',
};

/** What was measured of a baseline, with what speaks against comparing with it. */
function comparable(measured: Measured, candidate: Measured, subject: Subject, name: string): Measured {
  const problem = problemOfBaseline(measured, candidate, subject);
  if (problem === undefined) return { ...measured, problem: undefined };
  const code = CODES[problem.code] ?? problem.code;
  return { ...measured, problem: { code, reason: `${name} cannot be compared with: ${problem.reason}` } };
}

function problemOfBaseline(
  { problem, dataset, value }: Measured,
  candidate: Measured,
  { run, model }: Subject,
): Problem | undefined {
  // A run that is still open has values all the same.
  const ofRun = run && problemOfRun(run, `run ${run.id}`);
  if (ofRun !== undefined && !ofRun.mayPass) return ofRun;
  if (problem !== undefined && !problem.mayPass) return problem;
  if (model?.status === 'LOGGED_MODEL_UPLOAD_FAILED') {
    return { code: 'model_not_ready', reason: `the upload of logged model ${model.id} failed` };
  }
  if (value === undefined || isSame(dataset, candidate.dataset)) return undefined;
  return {
    code: 'different_dataset',
    reason: `it was measured on ${dataset?.name}@${dataset?.digest}, the model on ${candidate.dataset?.name}@${candidate.dataset?.digest}`,
  };
}
