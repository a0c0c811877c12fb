import { constants } from 'node:fs';
import { access, lstat, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TransportError } from '../errors.ts';
import type { Place } from './directory.ts';
import { codeOf, ifThere, transportError } from './errors.ts';

/** Folders that hold others of ours, and whether this call has made something in them. */
type Holders = Map<string, boolean>;

/**
 * Creates what is missing, and has all of it outlast a loss of power: who made what is there may have died before it
 * was synced, or may not care, as for notices. Below the root nothing may be a symbolic link: who could make one would
 * lead messages elsewhere.
 */
export async function createFolders(places: readonly Place[]): Promise<void> {
  const holders: Holders = new Map();
  for (const place of places) await create(place, holders);
  for (const [holder, changed] of holders) await syncHolder(holder, changed);
}

async function create(place: Place, holders: Holders): Promise<void> {
  const [root = '', ...below] = place.above;
  try {
    const first = await mkdir(root, { recursive: true });
    for (let folder = root; folder !== dirname(folder); folder = dirname(folder)) {
      note(holders, folder, first !== undefined && folder.length >= first.length);
    }
  } catch (error) {
    throw transportError(codeOf(error) === 'EEXIST' ? notAFolder(root) : error, root);
  }
  for (const folder of [...below, ...Object.values(place.folders)]) {
    try {
      await mkdir(folder);
      note(holders, folder, true);
    } catch (error) {
      // What stands there is looked at by whoever checks.
      if (codeOf(error) !== 'EEXIST') throw transportError(error, folder);
      note(holders, folder, false);
    }
    await expectFolder(place, folder);
  }
}

function note(holders: Holders, folder: string, made: boolean): void {
  const holder = dirname(folder);
  holders.set(holder, made || holders.get(holder) === true);
}

/** Why a folder cannot be synced: this user may not look into it, or its file system has nothing to sync. */
const NO_SYNC: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'EPERM',
  'EROFS',
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
]);

/** Where nothing was made, it may be another's to see to. */
async function syncHolder(holder: string, changed: boolean): Promise<void> {
  try {
    await syncFolder(holder);
  } catch (error) {
    if (changed || !NO_SYNC.has(codeOf(error))) throw transportError(error, holder);
  }
}

/** Rejects with `NotFound` when a folder is missing, `Invalid` when something else stands in its place. */
export async function checkFolders(place: Place): Promise<void> {
  const [root = '', ...below] = place.above;
  try {
    if (!(await stat(root)).isDirectory()) throw notAFolder(root);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw missing(place, root, error);
    throw transportError(error, root);
  }
  for (const folder of below) await expectFolder(place, folder);
  const devices = await Promise.all(
    Object.values(place.folders).map((folder) => expectFolder(place, folder)),
  );
  if (new Set(devices).size > 1) {
    throw new TransportError(
      'Invalid',
      `the folders of ${place.topic}/${place.subscription} are on different file systems, between which nothing can be renamed: keep them on one`,
    );
  }
}

/** Rejects with `Denied` when this process may not read and write in all of them. */
export async function checkAccess({ folders }: Place): Promise<void> {
  for (const folder of Object.values(folders)) {
    try {
      await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw transportError(error, folder);
    }
  }
}

/** The file system that it is on. Rejects with `NotFound` when it is missing, `Invalid` when it is no folder. */
export async function expectFolder(
  place: Pick<Place, 'topic' | 'subscription'>,
  folder: string,
): Promise<number> {
  try {
    const found = await lstat(folder);
    if (found.isSymbolicLink()) {
      throw new TransportError(
        'Invalid',
        `${folder} is a symbolic link, which is not followed: replace it by a folder`,
      );
    }
    if (!found.isDirectory()) throw notAFolder(folder);
    return found.dev;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw missing(place, folder, error);
    throw transportError(error, folder);
  }
}

/** What was written and never finished is in nobody's way; after an hour nobody is at it any more. */
const FORGOTTEN_MS = 3_600_000;

/** Removes what processes that are gone have left half-written. */
export async function sweep({ folders: { temporary } }: Place): Promise<void> {
  for (const name of await readdir(temporary)) {
    const path = join(temporary, name);
    const found = await ifThere(lstat(path));
    if (found?.isFile() && Date.now() - found.mtimeMs > FORGOTTEN_MS) await rm(path, { force: true });
  }
}

/** Makes what has been renamed into a folder, or created there, outlast a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The same for many at once: who asks while one is under way shares the next. */
export function createFolderSync(): (folder: string) => Promise<void> {
  const folders = new Map<string, { running: Promise<unknown>; next?: Promise<void> | undefined }>();
  return (folder) => {
    const state = folders.get(folder) ?? { running: Promise.resolve() };
    folders.set(folder, state);
    state.next ??= state.running.then(() => {
      state.next = undefined;
      const syncing = syncFolder(folder);
      state.running = syncing.catch(() => undefined);
      return syncing;
    });
    return state.next;
  };
}

function missing(
  { topic, subscription }: Pick<Place, 'topic' | 'subscription'>,
  folder: string,
  cause?: unknown,
): TransportError {
  return new TransportError(
    'NotFound',
    `${topic}/${subscription} is not there: ${folder} is missing; create it with hikyaku provision`,
    { cause },
  );
}

function notAFolder(path: string): TransportError {
  return new TransportError(
    'Invalid',
    `${path} is not a folder: name one in TRANSPORT_URL, or move away what stands there`,
  );
}
