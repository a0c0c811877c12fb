import type { Failure } from '../message/dead-letter.ts';

/** What this process has seen go wrong with messages that are still being tried. */
export interface FailureLog {
  add(id: string, failure: Failure): void;
  /** Hands out the failures of a message and forgets them. */
  take(id: string): readonly Failure[];
}

/** Bounded: the oldest message's failures are forgotten first. */
export function createFailureLog(mostMessages = 1_000): FailureLog {
  const log = new Map<string, Failure[]>();
  return {
    add(id, failure) {
      const failures = log.get(id) ?? [];
      log.delete(id);
      log.set(id, [...failures, failure].slice(-8));
      if (log.size <= mostMessages) return;
      for (const oldest of log.keys()) {
        log.delete(oldest);
        return;
      }
    },
    take(id) {
      if (log.size === 0) return NONE;
      const failures = log.get(id) ?? NONE;
      log.delete(id);
      return failures;
    },
  };
}

const NONE: readonly Failure[] = Object.freeze([]);
