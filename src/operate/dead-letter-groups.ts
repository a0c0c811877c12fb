import type { DeadLetterCode } from '../message/dead-letter.ts';
import type { DeadLetterView } from './dead-letters.ts';
import { fingerprintOf, patternOf } from './fingerprint.ts';

/** Dead letters that died of the same. */
export interface DeadLetterGroup {
  /** What selects them: `DeadLetterSelection.fingerprint`. */
  readonly fingerprint: string;
  readonly code: DeadLetterCode;
  /** The sentence of their reasons, with `<n>`, `<id>`, `<hex>`, `<time>` and `"…"` for what differs. */
  readonly pattern: string;
  readonly count: number;
  /** When the first and the last of them died: Unix time in ms. */
  readonly first: number;
  readonly last: number;
  /** The id of the last. */
  readonly example: string;
}

/** Groups dead letters by what they died of; the largest group first. */
export function groupDeadLetters(views: readonly DeadLetterView[]): DeadLetterGroup[] {
  const groups = new Map<string, DeadLetterGroup>();
  for (const { id, reason, enqueuedAt } of views) {
    const fingerprint = fingerprintOf(reason);
    const at = diedAt(reason.at, enqueuedAt);
    const group = groups.get(fingerprint);
    groups.set(fingerprint, {
      fingerprint,
      code: reason.code,
      pattern: patternOf(reason),
      count: (group?.count ?? 0) + 1,
      first: Math.min(group?.first ?? at, at),
      last: Math.max(group?.last ?? at, at),
      example: group === undefined || at >= group.last ? id : group.example,
    });
  }
  return [...groups.values()].toSorted((one, other) => other.count - one.count || other.last - one.last);
}

/** Of a dead letter, in Unix ms: as its reason says, or, where that says nothing that can be read, the carrier. */
export function diedAt(at: string, enqueuedAt: number): number {
  const time = Date.parse(at);
  return Number.isNaN(time) ? enqueuedAt : time;
}
