import { readEnvelope } from '../message/envelope.ts';
import { readReplay } from '../message/replayed.ts';
import { backoffDelay } from '../time/backoff.ts';
import type { Limits } from '../transport/transport.ts';
import type { Postpone } from './handler.ts';
import { pace } from './in-order.ts';
import { attemptOf, type Numbered } from './releases.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** What a subscription and its carrier say about postponing. */
export interface PostponeTerms {
  readonly retry: RetryPolicy;
  readonly limits: Pick<Limits, 'retryDelayMs' | 'postponeDelayMs'>;
  /** See `Transport`: whether the carrier only hides what is postponed. */
  readonly countsPostponed?: boolean | undefined;
  /** After how many deliveries the carrier gives a message up. */
  readonly maxDeliveries?: number | undefined;
}

/** What was asked for in ms, and never less than the policy's own delay. It may be infinite. */
export function delayOf({ delayMs }: Postpone, retry: RetryPolicy, attempt: number): number {
  // What is no number asks for nothing.
  return Math.max(delayMs || 0, backoffDelay(retry, attempt));
}

/**
 * For how long a message is postponed, in ms: at most as long as the carrier can, after which the handler is asked again.
 * Undefined where the message is too old for that: then it has failed.
 *
 * @param replayedAt When it was replayed, in Unix ms, where that has been verified; null: where nothing is, so that the
 * headers tell.
 */
export function postponement(
  delivery: Numbered,
  asked: Postpone,
  { retry, limits, countsPostponed, maxDeliveries = Number.POSITIVE_INFINITY }: PostponeTerms,
  replayedAt: number | undefined | null,
): number | undefined {
  const { maxAgeMs } = asked;
  const leftMs = maxAgeMs === Number.POSITIVE_INFINITY ? maxAgeMs : maxAgeMs - ageOf(delivery, replayedAt);
  if (!(leftMs > 0)) return undefined;
  const delayMs = delayOf(asked, retry, attemptOf(delivery));
  if (!countsPostponed) return Math.min(delayMs, limits.postponeDelayMs);
  const paceMs = pace(leftMs, maxDeliveries - retry.maxAttempts - delivery.deliveries);
  return Math.min(Math.max(delayMs, paceMs), limits.retryDelayMs);
}

/** Since it was said or last replayed, in ms; where it does not say when, since the carrier has it. */
function ageOf({ body, headers, enqueuedAt }: Numbered, replayedAt: number | undefined | null): number {
  const replayed = replayedAt === null ? readReplay(headers)?.at : replayedAt;
  const saidAt = replayed ?? Date.parse(readEnvelope(body).time);
  return Date.now() - (Number.isNaN(saidAt) ? enqueuedAt : saidAt);
}
