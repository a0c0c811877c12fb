import { lstat, readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place } from './directory.ts';
import { acceptedAt, type EntryName, formatName, parseName } from './entry-name.ts';
import { happened, ifThere } from './errors.ts';
import { moveKeepingName } from './store.ts';

/** What has been handled: kept for a while, or not at all. */
export interface Archive {
  /** False when the file is not there any more. */
  take(place: Place, name: EntryName): Promise<boolean>;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

/** How often what is too old is looked for, as a part of how old it may get; and at most this often, in ms. */
const LOOKS = 10;
const MOST_OFTEN_MS = 1_000;
const LEAST_OFTEN_MS = 600_000;

export function createArchive(retentionMs: number): Archive {
  const everyMs = Math.max(MOST_OFTEN_MS, Math.min(LEAST_OFTEN_MS, retentionMs / LOOKS));
  const nextAt = new Map<Place, number>();
  let pruning: Promise<void> = Promise.resolve();

  function pruneSometimes(place: Place): void {
    const now = performance.now();
    if (now < (nextAt.get(place) ?? 0)) return;
    nextAt.set(place, now + everyMs);
    // What could not be removed is tried again the next time.
    pruning = pruning.then(() => prune(place, Date.now() - retentionMs)).catch(() => undefined);
  }

  return {
    async take(place, name) {
      const { inflight, archive } = place.folders;
      const from = join(inflight, formatName(name));
      if (retentionMs === 0) return happened(unlink(from));
      pruneSometimes(place);
      // Ours are called like no other.
      if (acceptedAt(name.stem) !== undefined) return happened(rename(from, join(archive, name.stem)));
      const kept = await ifThere(moveKeepingName(from, archive, name.stem, formatName(name)));
      return kept !== undefined;
    },
    idle: () => pruning,
  };
}

/** Removes what was accepted before this; of other programs' files, what was written before. */
async function prune({ folders: { archive } }: Place, before: number): Promise<void> {
  for (const name of await readdir(archive)) {
    const stem = parseName(name)?.stem ?? name;
    const path = join(archive, name);
    const at = acceptedAt(stem) ?? (await ifThere(lstat(path)))?.mtimeMs;
    if (at !== undefined && at < before) await happened(unlink(path));
  }
}
