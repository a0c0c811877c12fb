import type { ModelReadyToDeploy } from '../contract.ts';
import { emitModelEvent } from '../events.ts';
import type { Evaluation } from './evaluation.ts';
import { type GateOptions, judge, type RejectionCode } from './gate.ts';

/** What became of each evaluation. */
export interface AnnounceReport {
  readonly announced: readonly Announced[];
  readonly rejected: readonly Rejected[];
}

export interface Announced {
  /** The message's; the same for the same announcement. */
  readonly id: string;
  readonly model_name: string;
  readonly model_version: string;
  readonly metric_name: string;
  readonly baseline_value: number;
  readonly current_value: number;
  readonly improvement_percentage: number;
}

/** Null names are those of a run that is not registered; its id tells which it is. */
export interface Rejected {
  readonly model_name: string | null;
  readonly model_version: string | null;
  readonly mlflow_run_id?: string;
  readonly code: RejectionCode;
  readonly reason: string;
}

/** A model that passed the gate and could not be announced. It may have arrived all the same. */
export interface NotAnnounced {
  readonly model_name: string;
  readonly model_version: string;
  readonly error: string;
}

/**
 * Some announcements could not be published. Announcing everything again is safe: ids stay the same. The
 * first error is the `cause`.
 */
export class AnnounceFailed extends Error {
  override readonly name = 'AnnounceFailed';
  readonly report: AnnounceReport & { readonly failed: readonly NotAnnounced[] };
  constructor(report: AnnounceFailed['report'], cause: unknown) {
    const failed = report.failed.map(
      ({ model_name, model_version, error }) => `${model_name} ${model_version} (${error})`,
    );
    const announced = report.announced.map(
      ({ model_name, model_version }) => `${model_name} ${model_version}`,
    );
    super(`not announced: ${failed.join(', ')}; announced: ${announced.join(', ') || 'none'}`, { cause });
    this.report = report;
  }
}

/**
 * Judges each evaluation and announces those that pass, all together, so that they travel as batches.
 *
 * @param publish Publishes one announcement, and resolves to its id once the carrier has accepted it.
 * @returns what was announced and what was rejected, each in the order given.
 * @throws AnnounceFailed once all are settled, if any could not be published.
 * @throws RangeError when the minimum improvement is not a finite number from 0; nothing is announced.
 */
export async function announce(
  publish: (data: ModelReadyToDeploy) => Promise<{ readonly id: string }>,
  evaluations: readonly Evaluation[],
  options: GateOptions = {},
): Promise<AnnounceReport> {
  const verdicts = evaluations.map((evaluation) => ({ evaluation, judged: judge(evaluation, options) }));
  const passed: ModelReadyToDeploy[] = [];
  const rejected: Rejected[] = [];
  for (const { evaluation, judged } of verdicts) {
    const { model_name, model_version, mlflow_run_id } = evaluation;
    emitModelEvent({ event: 'judged', model_name, model_version, verdict: judged.verdict });
    if (judged.verdict === 'announce') {
      passed.push(judged.message);
      continue;
    }
    const { code, reason } = judged;
    const one = { model_name, model_version, ...(mlflow_run_id && { mlflow_run_id }), code, reason };
    rejected.push(one);
    emitModelEvent({ event: 'rejected', ...one });
  }

  const outcomes = await Promise.allSettled(passed.map(async (message) => publish(message)));
  const announced: Announced[] = [];
  const failed: NotAnnounced[] = [];
  const causes: unknown[] = [];
  for (const [index, message] of passed.entries()) {
    const outcome = outcomes[index];
    const { model_name, model_version } = message;
    if (outcome?.status === 'fulfilled') {
      const { metric_name, baseline_value, current_value, improvement_percentage } = message;
      const values = { metric_name, baseline_value, current_value, improvement_percentage };
      const one = { id: outcome.value.id, model_name, model_version, ...values };
      announced.push(one);
      emitModelEvent({ event: 'announced', ...one });
    } else {
      const error = outcome?.reason instanceof Error ? outcome.reason.message : String(outcome?.reason);
      const one = { model_name, model_version, error };
      failed.push(one);
      causes.push(outcome?.reason);
      emitModelEvent({ event: 'announce_failed', ...one });
    }
  }
  if (failed.length > 0) throw new AnnounceFailed({ announced, rejected, failed }, causes[0]);
  return { announced, rejected };
}
