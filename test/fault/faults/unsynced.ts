import type { Entry } from '../ledger/entry.ts';

/** Under everysec a sync begins every second, and may take as long again before Redis waits for it. In ms. */
export const UNSYNCED_MS = 2_000;

/** What was accepted so shortly before a fault that it may not have been synced. */
export function acceptedUnsynced(entries: readonly Entry[]): Set<string> {
  const faults = entries.flatMap(({ what, at }) => (what === 'fault' || what === 'healed' ? [at] : []));
  return new Set(
    entries.flatMap((entry) =>
      entry.what === 'accepted' && faults.some((at) => at - UNSYNCED_MS <= entry.at && entry.at <= at)
        ? [entry.id]
        : [],
    ),
  );
}
