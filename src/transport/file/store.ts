import { link, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, ifThere } from './errors.ts';

/** Writes a new file so that it outlasts a loss of power; on an error nothing of it is left. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await ifThere(unlink(path)).catch(() => undefined);
    throw error;
  } finally {
    await handle.close();
  }
}

/** What a file system answers that has no second names, or no more of them. */
const NO_LINKS: ReadonlySet<string | undefined> = new Set([
  'EPERM',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EMLINK',
]);

/**
 * Moves a file to where it keeps its name, if no other has it there; else under the second name, which nobody else
 * has. Never writes over a file, as renaming would. Rejects with ENOENT when the file is not there.
 */
export async function moveKeepingName(
  from: string,
  folder: string,
  name: string,
  otherwise: string,
): Promise<string> {
  try {
    await link(from, join(folder, name));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' && !NO_LINKS.has(codeOf(error))) throw error;
    await rename(from, join(folder, otherwise));
    return otherwise;
  }
  try {
    await unlink(from);
  } catch (error) {
    // Somebody else has moved it in between: it is theirs.
    await ifThere(unlink(join(folder, name)));
    throw error;
  }
  return name;
}
