import type { Entry } from './entry.ts';

/** In ms. How late a replica may be that is well, and how late somebody may say what he was answered before. */
const LATE = 1_000;

/** Of which this was said during a fault, or about then: so many ms before it and after. */
export function during(
  entries: readonly Entry[],
  what: 'accepted' | 'handled',
  { before, after } = { before: LATE, after: LATE },
): Set<string> {
  const found = new Set<string>();
  let from = Number.POSITIVE_INFINITY;
  const spans = entries.flatMap((entry) => {
    if (entry.what === 'fault') from = entry.at;
    return entry.what === 'healed' ? [[from - before, entry.at + after] as const] : [];
  });
  for (const entry of entries) {
    if (entry.what !== what) continue;
    if (spans.some(([begin, end]) => begin <= entry.at && entry.at <= end)) found.add(entry.id);
  }
  return found;
}
