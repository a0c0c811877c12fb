import { createHash } from 'node:crypto';
import type { DeadLetterReason } from '../message/dead-letter.ts';

/** What differs from one message to the next, the longest first, and what stands for it. */
const DIFFERENT: readonly (readonly [RegExp, string])[] = [
  [/"[^"]*"|`[^`]*`/g, '"…"'],
  // Not the apostrophes of a sentence.
  [/(?<!\w)'[^']*'(?!\w)/g, '"…"'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b/gi, '<id>'],
  [/\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?/gi, '<time>'],
  [/\b0x[0-9a-f]+\b/gi, '<hex>'],
  // Words of hex, and ids that mix letters and digits: a word that is long enough, and has a digit.
  [/\b(?=[a-f]*\d)[0-9a-f]{8,}\b/gi, '<hex>'],
  [/\b(?=[A-Za-z_]*\d)\w{12,}\b/g, '<id>'],
  [/\d+(?:[.,]\d+)*/g, '<n>'],
  [/\s+/g, ' '],
];
const LONGEST = 200;

/** What is the same in the reasons of dead letters that died of the same: their sentence without what differs. */
export function patternOf({ message }: Pick<DeadLetterReason, 'message'>): string {
  let pattern = message;
  for (const [different, same] of DIFFERENT) pattern = pattern.replace(different, same);
  return pattern.trim().slice(0, LONGEST);
}

/** The same for all that died of the same: 10 characters of hex, from the code and the pattern. */
export function fingerprintOf(reason: Pick<DeadLetterReason, 'code' | 'message'>): string {
  const { code } = reason;
  return createHash('sha256')
    .update(`${code}\n${patternOf(reason)}`)
    .digest('hex')
    .slice(0, 10);
}
