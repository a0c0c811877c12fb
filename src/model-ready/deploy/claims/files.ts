import { link, mkdir, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf, ifThere, transportError } from '../../../transport/file/errors.ts';
import { syncFolder } from '../../../transport/file/folders.ts';
import { type ClaimStore, claimKey, type Stored } from './store.ts';

/**
 * Keeps claims in a folder for each model below `root`, for all processes on this machine. A revision is a file with
 * the next number: the file is written and synced under another name first, and then linked, which only one can. There
 * is no lock that a killed process could leave behind.
 */
export function createFileClaims(root: string): ClaimStore {
  const folderOf = (model: string): string => join(root, claimKey(model));
  return {
    read: (model) => named(folderOf(model), (folder) => readNewest(folder)),
    write: (model, text, revision) =>
      named(folderOf(model), (folder) => writeNext(folder, text, Number(revision ?? 0))),
    close() {},
  };
}

/** So many revisions stay, so that whoever is slow still finds the one that it has read. */
const KEPT = 8;
/** A file of a writer that was killed stays for so long, in ms. */
const FORGOTTEN_MS = 3_600_000;
const REVISION = /^(\d{1,15})\.json$/;
const TEMPORARY = /\.tmp$/;

async function readNewest(folder: string): Promise<Stored | undefined> {
  for (;;) {
    const newest = Math.max(0, ...(await revisionsIn(folder)));
    if (newest === 0) return undefined;
    const text = await ifThere(readFile(fileOf(folder, newest), 'utf8'));
    // Otherwise others have written so much meanwhile that it is gone.
    if (text !== undefined) return { text, revision: String(newest) };
  }
}

async function writeNext(folder: string, text: string, revision: number): Promise<boolean> {
  await createFolder(folder);
  const temporary = join(folder, `${crypto.randomUUID()}.tmp`);
  const next = fileOf(folder, revision + 1);
  try {
    await writeSynced(temporary, text);
    if (!(await linked(temporary, next))) return false;
  } finally {
    await rm(temporary, { force: true });
  }
  await syncFolder(folder);
  const there = await revisionsIn(folder);
  if (!isNext(revision, there)) {
    await rm(next, { force: true });
    return false;
  }
  await tidy(folder, there);
  return true;
}

/**
 * Whether the number that was just taken is the one after what the writer has read, and not one that was free because
 * its file has been removed as old: a file is removed only when {@link KEPT} newer ones are there. A writer that is
 * slower than so many others is told that it has not written, and reads again.
 */
function isNext(revision: number, there: readonly number[]): boolean {
  return Math.max(...there) <= revision + KEPT;
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function createFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncFolder(dirname(made));
}

async function tidy(folder: string, there: readonly number[]): Promise<void> {
  const oldest = Math.max(...there) - KEPT;
  for (const revision of there) {
    if (revision <= oldest) await rm(fileOf(folder, revision), { force: true });
  }
  for (const name of await readdir(folder)) {
    if (!TEMPORARY.test(name)) continue;
    const found = await ifThere(stat(join(folder, name)));
    if (found && Date.now() - found.mtimeMs > FORGOTTEN_MS) await rm(join(folder, name), { force: true });
  }
}

async function revisionsIn(folder: string): Promise<number[]> {
  const names = (await ifThere(readdir(folder))) ?? [];
  return names.flatMap((name) => {
    const [, revision] = REVISION.exec(name) ?? [];
    return revision === undefined ? [] : [Number(revision)];
  });
}

function fileOf(folder: string, revision: number): string {
  return join(folder, `${revision}.json`);
}

async function named<Answer>(folder: string, ask: (folder: string) => Promise<Answer>): Promise<Answer> {
  try {
    return await ask(folder);
  } catch (error) {
    throw transportError(error, folder);
  }
}
