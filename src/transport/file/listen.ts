import type { FSWatcher } from 'node:fs';
import { readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { TransportError } from '../errors.ts';
import type { Told } from '../transport.ts';
import { acceptedAt } from './entry-name.ts';
import { ifThere, transportError } from './errors.ts';
import { frame } from './frame.ts';
import { readEntry } from './read.ts';
import { watchFolder } from './watch.ts';

/** How long a notice is there for those who listen to read, in ms. */
export const KEEP_MS = 20_000;
/** How often all is looked at, whatever the system has told; and where it tells of nothing. In ms. */
const LOOK_MS = 4_000;
const POLL_MS = 100;

export interface FolderListening {
  end(): void;
}

/**
 * Removes notices that are old enough, also what was begun and never shown. What cannot be removed, as a file of another
 * user, stays.
 */
export async function removeOld(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (ageOf(name.replace(/^\./, '')) > KEEP_MS) await unlink(join(folder, name)).catch(() => undefined);
  }
}

/** In ms; of what is no notice, as if it were still to come. */
function ageOf(stem: string): number {
  const at = acceptedAt(stem);
  return at === undefined ? Number.NEGATIVE_INFINITY : Date.now() - at;
}

/**
 * Tells of each notice that comes into a folder from now on. `findFolder` makes it where it is missing. Who listens stays:
 * it holds the process.
 */
export async function listenIn(findFolder: () => Promise<string>, told: Told): Promise<FolderListening> {
  let folder = await findFolder();
  let seen = new Set<string>();
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;
  let telling: Promise<void> = Promise.resolve();
  /** Why nothing can be heard now. */
  let lost: TransportError | undefined;
  let listening = false;
  let ended = false;

  /** In turn, so that they are told in their order. What is here before it listens is passed over. */
  function hear(name: string): void {
    if (acceptedAt(name) === undefined || seen.has(name) || ageOf(name) > KEEP_MS) return;
    seen.add(name);
    if (listening) telling = telling.then(() => tell(join(folder, name), name));
  }

  async function tell(path: string, name: string): Promise<void> {
    const content = await ifThere(readEntry(path)).catch(() => undefined);
    if (ended || content?.text === undefined) return;
    const { id, body, headers } = frame.decode(content.text, { topic: '', name });
    told.onNotice({ id, body, headers });
  }

  function startWatching(): void {
    watcher = watchFolder(folder, {
      onName: hear,
      onWritten: () => undefined,
      onEnd() {
        if (ended) return;
        stop(new TransportError('Unavailable', `${folder} was removed while it was listened in`));
        lookIn(0);
      },
    });
  }

  function stop(reason: TransportError): void {
    if (lost === undefined) told.onAway(reason);
    lost ??= reason;
    watcher?.close();
    watcher = undefined;
  }

  function lookIn(ms: number): void {
    clearTimeout(timer);
    if (!ended) timer = setTimeout(look, ms, performance.now() + ms);
  }

  async function look(dueAt: number): Promise<void> {
    const late = performance.now() - dueAt;
    if (late > KEEP_MS - LOOK_MS) {
      lost ??= new TransportError(
        'Unavailable',
        `this process stood still for ${Math.round(late / 1_000)} s, and notices are gone by then`,
      );
    }
    try {
      const gap = lost;
      if (gap !== undefined) {
        folder = await findFolder();
        watcher?.close();
        if (!ended) startWatching();
      }
      const names = (await readdir(folder)).sort();
      lost = undefined;
      if (ended) return;
      if (gap !== undefined) told.onGap(gap);
      for (const name of names) hear(name);
      const there = new Set(names);
      seen = new Set([...seen].filter((name) => there.has(name) || ageOf(name) <= KEEP_MS));
      await removeOld(folder, names);
    } catch (error) {
      // It is told once it listens again.
      stop(transportError(error, folder));
    }
    lookIn(watcher === undefined ? POLL_MS : LOOK_MS);
  }

  function end(): void {
    ended = true;
    watcher?.close();
    clearTimeout(timer);
  }

  startWatching();
  try {
    for (const name of await readdir(folder)) hear(name);
  } catch (error) {
    end();
    throw error;
  }
  listening = true;
  lookIn(watcher === undefined ? POLL_MS : LOOK_MS);
  return { end };
}
