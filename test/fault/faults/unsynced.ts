import { during } from '../ledger/during.ts';
import type { Entry } from '../ledger/entry.ts';

/** Under everysec a sync begins every second, and may take as long again before Redis waits for it. In ms. */
export const UNSYNCED_MS = 2_000;

/** What was accepted so shortly before a server ended that it may not have been synced. It ends a moment after the fault begins. */
export function acceptedUnsynced(entries: readonly Entry[]): Set<string> {
  return during(entries, 'accepted', { before: UNSYNCED_MS, after: 0 });
}
