import { LONGEST_TIMER } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { SettleOutcome } from '../transport/transport.ts';
import type { Attempt, ExtendLeases, LeaseKeeper } from './attempt.ts';
import { HandlerTimeout, LeaseExpired } from './handler.ts';

export interface LeaseWatch extends LeaseKeeper {
  add(attempt: Attempt): void;
  remove(attempt: Attempt): void;
  /** Whether the lease is not to be relied on any more. */
  isOver(attempt: Attempt): boolean;
  /** Those at work now. */
  readonly attempts: readonly Attempt[];
}

export interface LeaseWatchOptions {
  /** Leases are extended by this much when half of it is left. Absent: never extended. In ms. */
  readonly extendByMs?: number | undefined;
  readonly extend: ExtendLeases;
  /** The handler's time is up. */
  readonly onTimeout: (attempt: Attempt, error: HandlerTimeout) => void;
  /** The lease is over while the handler is still at work. */
  readonly onLeaseLost: (attempt: Attempt) => void;
}

/**
 * How long before its end a lease counts as over, in ms. With long polling nobody but the carrier knows when the
 * lease began: a driver counts from the arrival of the answer, which is later, and later still when the event
 * loop stood.
 */
export function leaseMargin(leaseMs: number): number {
  return Math.min(1_000, leaseMs / 20);
}

/** Watches handlers at work, with one timer for all of them: their time, and their leases. */
export function createLeaseWatch(options: LeaseWatchOptions): LeaseWatch {
  const { extendByMs, extend, onTimeout, onLeaseLost } = options;
  /** A list in which each knows its place: a set would hash every message. */
  const attempts: Attempt[] = [];
  let timer: NodeJS.Timeout | undefined;
  let armedFor = Number.POSITIVE_INFINITY;

  /** When the lease counts as over. */
  function endOf({ leaseUntil, startedAt }: Attempt): number {
    return leaseUntil - leaseMargin(extendByMs ?? leaseUntil - startedAt);
  }

  /** When this attempt needs a look. */
  function dueAt(attempt: Attempt): number {
    if (attempt.lost) return attempt.timeoutAt;
    // While an extension is under way only the lease's end matters.
    const leaseDue =
      extendByMs === undefined || attempt.extending !== undefined
        ? endOf(attempt)
        : attempt.leaseUntil - extendByMs / 2;
    return Math.min(attempt.timeoutAt, leaseDue);
  }

  function arm(at: number): void {
    if (at >= armedFor) return;
    clearTimeout(timer);
    armedFor = at;
    timer = setTimeout(check, Math.min(Math.max(1, Math.ceil(at - performance.now())), LONGEST_TIMER));
  }

  function disarm(): void {
    clearTimeout(timer);
    armedFor = Number.POSITIVE_INFINITY;
  }

  function check(): void {
    armedFor = Number.POSITIVE_INFINITY;
    const now = performance.now();
    const toExtend: Attempt[] = [];
    for (const attempt of [...attempts]) {
      if (attempt.timeoutAt <= now) {
        const error = new HandlerTimeout(`no answer within ${Math.round(now - attempt.startedAt)} ms`);
        attempt.abort(error);
        onTimeout(attempt, error);
      } else if (endOf(attempt) <= now) lose(attempt);
      else if (extendByMs !== undefined && attempt.extending === undefined && dueAt(attempt) <= now) {
        if (!attempt.lost) toExtend.push(attempt);
      }
    }
    if (extendByMs !== undefined && toExtend.length > 0) void extendAll(toExtend, extendByMs);
    for (const attempt of attempts) arm(dueAt(attempt));
  }

  function lose(attempt: Attempt): void {
    if (attempt.lost) return;
    attempt.lost = true;
    attempt.abort(new LeaseExpired('the lease ended while the handler was at work'));
    onLeaseLost(attempt);
  }

  /** Never rejects: outcomes in order. */
  async function extendAll(due: readonly Attempt[], leaseMs: number): Promise<readonly SettleOutcome[]> {
    const askedAt = performance.now();
    const asked = extend(
      due.map(({ delivery }) => delivery),
      leaseMs,
    ).catch((error: unknown) => due.map(() => asTransportError(error)));
    for (const attempt of due) attempt.extending = asked;
    const outcomes = await asked;
    for (const [index, attempt] of due.entries()) {
      attempt.extending = undefined;
      const outcome = outcomes[index];
      if (outcome === 'settled') attempt.leaseUntil = askedAt + leaseMs;
      else if (outcome instanceof TransportError && outcome.code === 'LeaseLost') lose(attempt);
      // Anything else: the carrier is away or cannot say. The lease still stands; ask again before it ends.
      if (attempt.place >= 0) arm(Math.max(dueAt(attempt), askedAt + (extendByMs ?? 0) / 10));
    }
    return outcomes;
  }

  return {
    attempts,
    isOver: (attempt) => attempt.lost || endOf(attempt) <= performance.now(),
    add(attempt) {
      attempt.place = attempts.length;
      attempts.push(attempt);
      arm(dueAt(attempt));
    },
    remove(attempt) {
      if (attempt.place < 0) return;
      const last = attempts.pop();
      if (last !== undefined && last !== attempt) {
        attempts[attempt.place] = last;
        last.place = attempt.place;
      }
      attempt.place = -1;
      if (attempts.length === 0) disarm();
    },
    async extend(attempt, ms) {
      while (attempt.extending !== undefined) await attempt.extending;
      if (attempt.finished || attempt.lost) return false;
      const now = performance.now();
      // Whoever asks for less than is left wants it to be that long, not to end sooner.
      const left = attempt.leaseUntil - now;
      const leaseMs = ms > left ? ms : left;
      if (!(leaseMs > 0)) return false;
      const [outcome] = await extendAll([attempt], leaseMs);
      if (outcome !== 'settled') return false;
      const until = now + ms;
      if (until > attempt.timeoutAt) attempt.timeoutAt = Math.min(until, attempt.hostEndsAt);
      return true;
    },
  };
}
