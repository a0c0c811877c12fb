import type { ModelReadyToDeploy } from '../contract.ts';
import { emitModelEvent } from '../events.ts';
import type { Evidence, JudgedModel } from './evidence.ts';
import { type Announcement, type Gain, judge, type Rejection } from './gate.ts';
import type { RejectionCode } from './rejection.ts';

/** What became of each model. */
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
  /** The gain over each baseline with its confidence interval; absent where none is known. */
  readonly gains?: readonly Gain[];
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

/** Publishes one announcement, and resolves to its id once the carrier has accepted it. */
export type PublishAnnouncement = (data: ModelReadyToDeploy) => Promise<{ readonly id: string }>;

/** Told of each model once its verdict is final. Never rejects. */
export type OnVerdict = (verdict: Announced | Rejected) => Promise<void>;

/**
 * Judges each model and announces those that pass, all together, so that they travel as batches.
 *
 * @returns what was announced and what was rejected, each in the order given.
 * @throws AnnounceFailed once all are settled, if any could not be published.
 */
export async function announce(
  publish: PublishAnnouncement,
  models: readonly Evidence[],
  onVerdict: OnVerdict = async () => {},
): Promise<AnnounceReport> {
  const passed: Announcement[] = [];
  const rejected: Rejected[] = [];
  for (const evidence of models) {
    const verdict = judge(evidence);
    const { model_name, model_version } = evidence.model;
    const said = { event: 'judged', model_name, model_version } as const;
    if (verdict.verdict === 'announce') {
      emitModelEvent({ ...said, verdict: 'announce' });
      passed.push(verdict);
    } else {
      emitModelEvent({ ...said, verdict: 'reject', code: verdict.code });
      const one = rejectedModel(evidence.model, verdict);
      emitModelEvent({ event: 'rejected', ...one });
      rejected.push(one);
    }
  }
  const outcomes = await Promise.all(passed.map((one) => published(publish, one)));
  const announced = outcomes.flatMap((one) => ('id' in one ? [one] : []));
  await Promise.all([...announced, ...rejected].map(onVerdict));
  const failures = outcomes.flatMap((one) => ('id' in one ? [] : [one]));
  const [first] = failures;
  if (first === undefined) return { announced, rejected };
  throw new AnnounceFailed(
    { announced, rejected, failed: failures.map(({ failed }) => failed) },
    first.cause,
  );
}

function rejectedModel(
  { model_name, model_version, mlflow_run_id }: JudgedModel,
  { code, reason }: Rejection,
): Rejected {
  return { model_name, model_version, ...(mlflow_run_id && { mlflow_run_id }), code, reason };
}

async function published(
  publish: PublishAnnouncement,
  { message, gains }: Announcement,
): Promise<Announced | { readonly failed: NotAnnounced; readonly cause: unknown }> {
  const { model_name, model_version } = message;
  try {
    const { id } = await publish(message);
    const { metric_name, baseline_value, current_value, improvement_percentage } = message;
    const values = { metric_name, baseline_value, current_value, improvement_percentage };
    const certain = gains.filter(({ ci95 }) => ci95 !== undefined);
    const one = { id, model_name, model_version, ...values, ...(certain.length > 0 && { gains: certain }) };
    emitModelEvent({ event: 'announced', ...one });
    return one;
  } catch (cause) {
    const failed = {
      model_name,
      model_version,
      error: cause instanceof Error ? cause.message : String(cause),
    };
    emitModelEvent({ event: 'announce_failed', ...failed });
    return { failed, cause };
  }
}
